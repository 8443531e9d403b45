// The largest value of a channel in a window, and the first row that has it.

struct Parameters {
    count: u32, channels: u32,
    height: u32, width: u32, results_height: u32, results_width: u32,
    size_y: u32, size_x: u32, stride_y: u32, stride_x: u32, top: u32, left: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> winners: array<u32>;
@group(1) @binding(0) var<uniform> p: Parameters;

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
    let line = row / p.results_width;
    let picture = line / p.results_height;
    let window_y = line % p.results_height * p.stride_y;
    let window_x = row % p.results_width * p.stride_x;
    let first_y = max(window_y, p.top) - p.top;
    let first_x = max(window_x, p.left) - p.left;
    // Every window sees a pixel, so no end wraps.
    let end_y = min(window_y + p.size_y - p.top, p.height);
    let end_x = min(window_x + p.size_x - p.left, p.width);
    var winner = (picture * p.height + first_y) * p.width + first_x;
    var highest = order(x[winner * p.channels + channel]);
    for (var v = first_y; v < end_y; v++) {
        for (var u = first_x; u < end_x; u++) {
            let r = (picture * p.height + v) * p.width + u;
            let place = order(x[r * p.channels + channel]);
            if place > highest {
                highest = place;
                winner = r;
            }
        }
    }
    winners[i] = winner;
    y[i] = x[winner * p.channels + channel];
}
