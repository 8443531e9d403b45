// dx = (dx +) the weighted dy of the enlarged pixels that see a pixel, in order.

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read_write> dx: array<f32>;

// The first enlarged pixel that sees a pixel of a line, and the one behind the last.
fn seeing(pixel: u32, extent: u32) -> vec2<u32> {
    let first = pixel * p.factor;
    if p.bilinear == 0u {
        return vec2<u32>(first, first + p.factor);
    }
    let margin = p.factor / 2u;
    return vec2<u32>(
        max(first, margin) - margin,
        min(first + 3u * p.factor / 2u, extent * p.factor),
    );
}

fn weight(at: u32, pixel: u32, extent: u32) -> f32 {
    if p.bilinear == 0u {
        return 1.0;
    }
    let first = place(at) / (2u * p.factor);
    let lambda = second_weight(at);
    return select(0.0, 1.0 - lambda, first == pixel)
        + select(0.0, lambda, min(first + 1u, extent - 1u) == pixel);
}

@compute @workgroup_size(256)
fn backward(
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
    let line = row / p.width;
    let y = line % p.height;
    let x = row % p.width;
    let first_line = line / p.height * p.height * p.factor;
    let lines = seeing(y, p.height);
    let columns = seeing(x, p.width);
    var sum = 0.0;
    for (var oy = lines.x; oy < lines.y; oy++) {
        let vertical = weight(oy, y, p.height);
        for (var ox = columns.x; ox < columns.y; ox++) {
            let seen = (first_line + oy) * p.width * p.factor + ox;
            sum += vertical * weight(ox, x, p.width) * dy[seen * p.channels + channel];
        }
    }
    if p.accumulate == 1u {
        sum += dx[i];
    }
    dx[i] = sum;
}
