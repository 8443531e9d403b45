// y = x / max(length, epsilon), a row per workgroup of 64. Numbers are divided by the row's
// largest before they are squared, so that the squares neither overflow nor vanish.

struct Parameters { rows: u32, columns: u32, epsilon: f32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> lengths: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(64)
fn forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = workgroup_index(group, groups);
    if row >= p.rows {
        return;
    }
    let start = row * p.columns;
    var lane_largest = 0.0;
    for (var c = lane; c < p.columns; c += 64u) {
        lane_largest = max(lane_largest, abs(x[start + c]));
    }
    var scale = reduce_max(lane, lane_largest);
    // A maximum may pass over NaN: the sum of squares decides whether the row is really zero.
    if scale == 0.0 {
        scale = 1.0;
    }
    var squares = 0.0;
    for (var c = lane; c < p.columns; c += 64u) {
        let scaled = x[start + c] / scale;
        squares += scaled * scaled;
    }
    let length = scale * sqrt(reduce_sum(lane, squares));
    let divisor = select(length, p.epsilon, length < p.epsilon);
    for (var c = lane; c < p.columns; c += 64u) {
        y[start + c] = x[start + c] / divisor;
    }
    if lane == 0u {
        lengths[row] = length;
    }
}
