// What the two passes share. Noise words stand behind the targets.

struct Parameters { rows: u32, noise: u32, mask: u32, accumulate: u32 }

@group(0) @binding(0) var<storage, read> target_scores: array<f32>;
@group(0) @binding(1) var<storage, read> noise_scores: array<f32>;
@group(0) @binding(2) var<storage, read> offsets: array<f32>;
@group(0) @binding(3) var<storage, read> words: array<u32>;
@group(0) @binding(4) var<storage, read> ln_z: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

fn target_delta(row: u32) -> f32 {
    return target_scores[row] - ln_z[0] - offsets[row];
}

fn noise_delta(row: u32, j: u32) -> f32 {
    return noise_scores[row * p.noise + j] - ln_z[0] - offsets[p.rows + j];
}

fn counts(row: u32, j: u32) -> bool {
    return p.mask == 0u || words[row] != words[p.rows + j];
}
