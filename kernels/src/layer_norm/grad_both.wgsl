// The gradient of the rows, for x and the residual.

struct Parameters {
    rows: u32, columns: u32, has_gain: u32, has_dy: u32, has_dsum: u32,
    accumulate_x: u32, accumulate_residual: u32,
}

@group(0) @binding(5) var<storage, read_write> dx: array<f32>;
@group(0) @binding(6) var<storage, read_write> dresidual: array<f32>;

fn store(at: u32, value: f32) {
    var for_x = value;
    if p.accumulate_x == 1u {
        for_x += dx[at];
    }
    dx[at] = for_x;
    var for_residual = value;
    if p.accumulate_residual == 1u {
        for_residual += dresidual[at];
    }
    dresidual[at] = for_residual;
}

@compute @workgroup_size(64)
fn grad_both(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = workgroup_index(group, groups);
    if row < p.rows {
        row_gradient(row, lane);
    }
}
