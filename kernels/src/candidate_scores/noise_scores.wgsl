// S = h Eᵀ + b over the noise words, which stand behind the targets of the rows.

struct Parameters { rows: u32, noise: u32, columns: u32 }

@group(0) @binding(0) var<storage, read> h: array<f32>;
@group(0) @binding(1) var<storage, read> candidates: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> scores: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

fn load_a(row: u32, k: u32) -> f32 {
    return h[row * p.columns + k];
}

fn load_b(k: u32, column: u32) -> f32 {
    return candidates[(p.rows + column) * p.columns + k];
}

fn store_c(row: u32, column: u32, value: f32) {
    scores[row * p.noise + column] = value + bias[p.rows + column];
}

@compute @workgroup_size(64)
fn noise_scores(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    gemm_tile(workgroup_index(group, groups), lane, p.rows, p.noise, p.columns);
}
