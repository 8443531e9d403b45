// dW_j = sum over rows t of x_{t+j-left} transposed times dz_t: row j * inputs + i of the
// product, k = t.

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dz: array<f32>;
@group(0) @binding(2) var<storage, read> coordinates: array<u32>;
@group(0) @binding(3) var<storage, read_write> dw: array<f32>;

fn load_a(row: u32, k: u32) -> f32 {
    let s = neighbour(k, row / p.inputs, p.left);
    if s == OUTSIDE {
        return 0.0;
    }
    return x[s * p.inputs + row % p.inputs];
}

fn load_b(k: u32, column: u32) -> f32 {
    return dz[k * p.outputs + column];
}

fn store_c(row: u32, column: u32, value: f32) {
    let at = row * p.outputs + column;
    var result = value;
    if p.on == 1u {
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
    gemm_tile(workgroup_index(group, groups), lane, p.kernel_size * p.inputs, p.outputs, p.rows);
}
