// z_r = sum over taps t of x_{p(r,t)} W_t, + b: row r of the product, k = t * inputs + i.

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> z: array<f32>;

fn load_a(row: u32, k: u32) -> f32 {
    let seen = pixel_seen(row, k / p.inputs);
    if seen == OUTSIDE {
        return 0.0;
    }
    return x[seen * p.inputs + k % p.inputs];
}

fn load_b(k: u32, column: u32) -> f32 {
    return w[k * p.outputs + column];
}

fn store_c(row: u32, column: u32, value: f32) {
    var result = value;
    if p.on == 1u {
        result += b[column];
    }
    z[row * p.outputs + column] = result;
}

@compute @workgroup_size(64)
fn forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let depth = p.taps_y * p.taps_x * p.inputs;
    gemm_tile(workgroup_index(group, groups), lane, p.rows, p.outputs, depth);
}
