// A part of dW_to = sum over rows r of x_{p(r,t)} dz_ro: an invocation adds the rows of a part. The
// parts are added afterwards.

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dz: array<f32>;
@group(0) @binding(2) var<storage, read_write> parts: array<f32>;

@compute @workgroup_size(256)
fn depthwise_grad_weight(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = workgroup_index(group, groups) * 256u + lane;
    let weights = p.taps_y * p.taps_x * p.outputs;
    let part = at / weights;
    // `on` is the number of parts.
    if part >= p.on {
        return;
    }
    let o = at % p.outputs;
    let tap = at % weights / p.outputs;
    let i = o / (p.outputs / p.inputs);
    let first = part * p.depth;
    var sum = 0.0;
    for (var row = first; row < min(first + p.depth, p.rows); row++) {
        let seen = pixel_seen(row, tap);
        if seen != OUTSIDE {
            sum += x[seen * p.inputs + i] * dz[row * p.outputs + o];
        }
    }
    parts[at] = sum;
}
