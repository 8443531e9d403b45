// de_{R+j} = (de_{R+j} +) Σ_r dS_rj h_r.

struct Parameters { rows: u32, noise: u32, columns: u32, accumulate: u32, summed: u32 }

@group(0) @binding(0) var<storage, read> h: array<f32>;
@group(0) @binding(1) var<storage, read> d_noise: array<f32>;
@group(0) @binding(2) var<storage, read_write> d_candidates: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

fn load_a(row: u32, k: u32) -> f32 {
    return d_noise[k * p.noise + row];
}

fn load_b(k: u32, column: u32) -> f32 {
    return h[k * p.columns + column];
}

fn store_c(row: u32, column: u32, value: f32) {
    let at = (p.rows + row) * p.columns + column;
    var result = value;
    if p.accumulate == 1u {
        result += d_candidates[at];
    }
    d_candidates[at] = result;
}

// `summed` rows have a gradient: all, or none.
@compute @workgroup_size(64)
fn grad_noise(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    gemm_tile(workgroup_index(group, groups), lane, p.noise, p.columns, p.summed);
}
