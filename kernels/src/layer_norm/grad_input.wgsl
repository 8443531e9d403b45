// The gradient of the rows, for x or the residual.

struct Parameters {
    rows: u32, columns: u32, has_gain: u32, has_dy: u32, has_dsum: u32, accumulate: u32,
}

@group(0) @binding(5) var<storage, read_write> dx: array<f32>;

fn store(at: u32, value: f32) {
    var result = value;
    if p.accumulate == 1u {
        result += dx[at];
    }
    dx[at] = result;
}

@compute @workgroup_size(64)
fn grad_input(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = workgroup_index(group, groups);
    if row < p.rows {
        row_gradient(row, lane);
    }
}
