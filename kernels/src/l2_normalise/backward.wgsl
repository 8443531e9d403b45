// dx = (dx +) (dy - y (y . dy)) / length; dy / epsilon for rows shorter than epsilon, 0 for rows
// of zeros. A row per workgroup of 64.

struct Parameters { rows: u32, columns: u32, epsilon: f32, accumulate: u32 }

@group(0) @binding(0) var<storage, read> y: array<f32>;
@group(0) @binding(1) var<storage, read> lengths: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(64)
fn backward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = workgroup_index(group, groups);
    if row >= p.rows {
        return;
    }
    let start = row * p.columns;
    let length = lengths[row];
    let short = length < p.epsilon;
    var products = 0.0;
    for (var c = lane; c < p.columns; c += 64u) {
        products += y[start + c] * dy[start + c];
    }
    let along = select(reduce_sum(lane, products), 0.0, short);
    let divisor = select(length, p.epsilon, short);
    for (var c = lane; c < p.columns; c += 64u) {
        let at = start + c;
        var value = (dy[at] - y[at] * along) / divisor;
        if length == 0.0 {
            value = 0.0;
        }
        if p.accumulate == 1u {
            value += dx[at];
        }
        dx[at] = value;
    }
}
