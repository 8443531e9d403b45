// dW = xᵀ dz.

struct Parameters { inputs: u32, outputs: u32, rows: u32, accumulate: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dz: array<f32>;
@group(0) @binding(2) var<storage, read_write> dw: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

fn load_a(row: u32, k: u32) -> f32 {
    return x[k * p.inputs + row];
}

fn load_b(k: u32, column: u32) -> f32 {
    return dz[k * p.outputs + column];
}

fn store_c(row: u32, column: u32, value: f32) {
    let at = row * p.outputs + column;
    var result = value;
    if p.accumulate == 1u {
        result += dw[at];
    }
    dw[at] = result;
}

@compute @workgroup_size(64)
fn grad_weight(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    gemm_tile(workgroup_index(group, groups), lane, p.inputs, p.outputs, p.rows);
}
