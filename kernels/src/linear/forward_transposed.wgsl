// z = (z +) x Wᵀ + b: the weight is given by its rows.

struct Parameters { rows: u32, outputs: u32, inputs: u32, bias: u32, accumulate: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> z: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

fn load_a(row: u32, k: u32) -> f32 {
    return x[row * p.inputs + k];
}

fn load_b(k: u32, column: u32) -> f32 {
    return w[column * p.inputs + k];
}

fn store_c(row: u32, column: u32, value: f32) {
    var result = value;
    if p.bias == 1u {
        result += b[column];
    }
    let at = row * p.outputs + column;
    if p.accumulate == 1u {
        result += z[at];
    }
    z[at] = result;
}

@compute @workgroup_size(64)
fn forward_transposed(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    gemm_tile(workgroup_index(group, groups), lane, p.rows, p.outputs, p.inputs);
}
