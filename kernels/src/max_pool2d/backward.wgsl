// dx = (dx +) the dy of the windows over a pixel that it won, in order.

struct Parameters {
    count: u32, channels: u32,
    height: u32, width: u32, results_height: u32, results_width: u32,
    size_y: u32, size_x: u32, stride_y: u32, stride_x: u32, top: u32, left: u32,
    accumulate: u32,
}

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> winners: array<u32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

// The first window that reaches a place of the padded picture.
fn first_over(place: u32, size: u32, stride: u32) -> u32 {
    return (max(place + 1u, size) - size + stride - 1u) / stride;
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
    let picture = line / p.height;
    let y = line % p.height + p.top;
    let x = row % p.width + p.left;
    let end_y = min(y / p.stride_y + 1u, p.results_height);
    let end_x = min(x / p.stride_x + 1u, p.results_width);
    var sum = 0.0;
    for (var oy = first_over(y, p.size_y, p.stride_y); oy < end_y; oy++) {
        for (var ox = first_over(x, p.size_x, p.stride_x); ox < end_x; ox++) {
            let window = (picture * p.results_height + oy) * p.results_width + ox;
            let at = window * p.channels + channel;
            if winners[at] == row {
                sum += dy[at];
            }
        }
    }
    if p.accumulate == 1u {
        sum += dx[i];
    }
    dx[i] = sum;
}
