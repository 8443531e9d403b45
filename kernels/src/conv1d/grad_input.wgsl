// dx_s = sum over taps j of dz_{s+left-j} W_j transposed: row s of the product,
// k = j * outputs + o.

@group(0) @binding(0) var<storage, read> dz: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read> coordinates: array<u32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

fn load_a(row: u32, k: u32) -> f32 {
    let t = neighbour(row, p.left, k / p.outputs);
    if t == OUTSIDE {
        return 0.0;
    }
    return dz[t * p.outputs + k % p.outputs];
}

fn load_b(k: u32, column: u32) -> f32 {
    return w[(k / p.outputs * p.inputs + column) * p.outputs + k % p.outputs];
}

fn store_c(row: u32, column: u32, value: f32) {
    let at = row * p.inputs + column;
    var result = value;
    if p.on == 1u {
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
    gemm_tile(workgroup_index(group, groups), lane, p.rows, p.inputs, p.kernel_size * p.outputs);
}
