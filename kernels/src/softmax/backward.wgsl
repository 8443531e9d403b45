// dx_c = (dx_c +) y_c (dy_c - Σ dy y), or dy_c - exp(y_c) Σ dy for the logarithm; a workgroup of
// 64 takes a row.

struct Parameters { rows: u32, columns: u32, logarithm: u32, accumulate: u32 }

@group(0) @binding(0) var<storage, read> y: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
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
    var sum = 0.0;
    for (var i = start + lane; i < start + p.columns; i += 64u) {
        if p.logarithm == 1u {
            sum += dy[i];
        } else {
            sum += dy[i] * y[i];
        }
    }
    sum = reduce_sum(lane, sum);
    for (var i = start + lane; i < start + p.columns; i += 64u) {
        var value = 0.0;
        if p.logarithm == 1u {
            value = dy[i] - exp_(y[i]) * sum;
        } else {
            value = y[i] * (dy[i] - sum);
        }
        if p.accumulate == 1u {
            value += dx[i];
        }
        dx[i] = value;
    }
}
