// dh = (dh +) dS E + ds e: the product over the noise words, and the row's own target.

struct Parameters { rows: u32, noise: u32, columns: u32, has_target: u32, accumulate: u32 }

@group(0) @binding(0) var<storage, read> candidates: array<f32>;
@group(0) @binding(1) var<storage, read> d_target: array<f32>;
@group(0) @binding(2) var<storage, read> d_noise: array<f32>;
@group(0) @binding(3) var<storage, read_write> dh: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

fn load_a(row: u32, k: u32) -> f32 {
    return d_noise[row * p.noise + k];
}

fn load_b(k: u32, column: u32) -> f32 {
    return candidates[(p.rows + k) * p.columns + column];
}

fn store_c(row: u32, column: u32, value: f32) {
    let at = row * p.columns + column;
    var result = value;
    if p.has_target == 1u {
        result += d_target[row] * candidates[at];
    }
    if p.accumulate == 1u {
        result += dh[at];
    }
    dh[at] = result;
}

@compute @workgroup_size(64)
fn grad_h(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    gemm_tile(workgroup_index(group, groups), lane, p.rows, p.columns, p.noise);
}
