// dx = dz Wᵀ.

struct Parameters { rows: u32, inputs: u32, outputs: u32, accumulate: u32 }

@group(0) @binding(0) var<storage, read> dz: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

fn load_a(row: u32, k: u32) -> f32 {
    return dz[row * p.outputs + k];
}

fn load_b(k: u32, column: u32) -> f32 {
    return w[column * p.outputs + k];
}

fn store_c(row: u32, column: u32, value: f32) {
    let at = row * p.inputs + column;
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
    gemm_tile(workgroup_index(group, groups), lane, p.rows, p.inputs, p.outputs);
}
