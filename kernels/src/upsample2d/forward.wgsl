// An element of the enlarged pictures: a copy, or a mean of four pixels.

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = workgroup_index(group, groups) * 256u + lane;
    if i >= p.count {
        return;
    }
    let channel = i % p.channels;
    let row = i / p.channels;
    let line = row / (p.width * p.factor);
    let oy = line % (p.height * p.factor);
    let ox = row % (p.width * p.factor);
    let first_line = line / (p.height * p.factor) * p.height;
    if p.bilinear == 0u {
        let seen = (first_line + oy / p.factor) * p.width + ox / p.factor;
        y[i] = x[seen * p.channels + channel];
        return;
    }
    let above = place(oy) / (2u * p.factor);
    let below = min(above + 1u, p.height - 1u);
    let left = place(ox) / (2u * p.factor);
    let right = min(left + 1u, p.width - 1u);
    let down = second_weight(oy);
    let across = second_weight(ox);
    let upper = (first_line + above) * p.width;
    let lower = (first_line + below) * p.width;
    let top = (1.0 - across) * x[(upper + left) * p.channels + channel]
        + across * x[(upper + right) * p.channels + channel];
    let bottom = (1.0 - across) * x[(lower + left) * p.channels + channel]
        + across * x[(lower + right) * p.channels + channel];
    y[i] = (1.0 - down) * top + down * bottom;
}
