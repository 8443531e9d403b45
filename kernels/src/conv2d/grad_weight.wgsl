// A part of dW_t = sum over rows r of x_{p(r,t)} transposed times dz_r: row t * inputs + i of the
// product, k counts the rows of the part. The parts are added afterwards.

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dz: array<f32>;
@group(0) @binding(2) var<storage, read_write> parts: array<f32>;

var<private> part: u32;

fn load_a(row: u32, k: u32) -> f32 {
    let seen = pixel_seen(part * p.depth + k, row / p.inputs);
    if seen == OUTSIDE {
        return 0.0;
    }
    return x[seen * p.inputs + row % p.inputs];
}

fn load_b(k: u32, column: u32) -> f32 {
    return dz[(part * p.depth + k) * p.outputs + column];
}

fn store_c(row: u32, column: u32, value: f32) {
    let rows = p.taps_y * p.taps_x * p.inputs;
    parts[(part * rows + row) * p.outputs + column] = value;
}

@compute @workgroup_size(64)
fn grad_weight(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let rows = p.taps_y * p.taps_x * p.inputs;
    let tiles = ((rows + GEMM_TILE - 1u) / GEMM_TILE) * ((p.outputs + GEMM_TILE - 1u) / GEMM_TILE);
    let index = workgroup_index(group, groups);
    let own = index / tiles;
    part = own;
    // Folding may add workgroups: they have no rows, and write nothing. `on` is the number of parts.
    let first = min(own * p.depth, p.rows);
    let depth = min(p.depth, p.rows - first);
    gemm_tile(index % tiles, lane, select(rows, 0u, own >= p.on), p.outputs, depth);
}
