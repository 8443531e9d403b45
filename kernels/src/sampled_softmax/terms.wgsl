// What the two passes share. Samples stand behind the targets.

struct Parameters { rows: u32, samples: u32, mask: u32, accumulate: u32 }

@group(0) @binding(0) var<storage, read> target_scores: array<f32>;
@group(0) @binding(1) var<storage, read> sample_scores: array<f32>;
@group(0) @binding(2) var<storage, read> offsets: array<f32>;
@group(0) @binding(3) var<storage, read> words: array<u32>;
@group(1) @binding(0) var<uniform> p: Parameters;

fn own(row: u32) -> f32 {
    return target_scores[row] - offsets[row];
}

fn sampled(row: u32, j: u32) -> f32 {
    return sample_scores[row * p.samples + j] - offsets[p.rows + j];
}

fn counts(row: u32, j: u32) -> bool {
    return p.mask == 0u || words[row] != words[p.rows + j];
}
