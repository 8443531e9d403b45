// dx_s = sum over taps t and results r with p(r,t) = s of dz_r W_t transposed, for the pixels of one
// class: row n of the product is its n-th pixel, k = j * outputs + o for its j-th tap.

@group(0) @binding(0) var<storage, read> dz: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;

// Picture, y and x of a member of the class.
fn member(row: u32) -> vec3<u32> {
    let line = row / p.class_width;
    return vec3<u32>(
        line / p.class_height,
        p.pixel_y + (line % p.class_height) * p.stride_y,
        p.pixel_x + (row % p.class_width) * p.stride_x,
    );
}

fn load_a(row: u32, k: u32) -> f32 {
    let at = member(row);
    let j = k / p.outputs;
    // Above and left of the results these wrap to beyond their other end.
    let y = (at.y + p.top) / p.stride_y - j / p.class_taps_x;
    let x = (at.z + p.left) / p.stride_x - j % p.class_taps_x;
    if y >= p.results_height || x >= p.results_width {
        return 0.0;
    }
    let r = (at.x * p.results_height + y) * p.results_width + x;
    return dz[r * p.outputs + k % p.outputs];
}

fn load_b(k: u32, column: u32) -> f32 {
    let j = k / p.outputs;
    let ky = p.tap_y + j / p.class_taps_x * p.stride_y;
    let kx = p.tap_x + j % p.class_taps_x * p.stride_x;
    return w[((ky * p.taps_x + kx) * p.inputs + column) * p.outputs + k % p.outputs];
}

fn store_c(row: u32, column: u32, value: f32) {
    let place = member(row);
    let at = ((place.x * p.height + place.y) * p.width + place.z) * p.inputs + column;
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
    let depth = p.class_taps_y * p.class_taps_x * p.outputs;
    gemm_tile(workgroup_index(group, groups), lane, p.members, p.inputs, depth);
}
