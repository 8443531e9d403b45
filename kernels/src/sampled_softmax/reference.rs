//! The definition, in f64.

use limbeck_engine::{Backward, Forward};

use super::SampledSoftmax;
use crate::nce::{NOISE, OFFSETS, TARGET, WORDS};

/// ln p of a row's target, and of each sample that counts.
fn ln_p(
    mask: bool,
    row: usize,
    scores: (&[f64], &[f64]),
    offsets: &[f64],
    words: &[u32],
) -> (f64, Vec<Option<f64>>) {
    let (target, samples) = scores;
    let rows = target.len();
    let count = words.len() - rows;
    let own = target[row] - offsets[row];
    let sample = |j: usize| {
        let counts = !mask || words[rows + j] != words[row];
        counts.then(|| samples[row * count + j] - offsets[rows + j])
    };
    let corrected: Vec<Option<f64>> = (0..count).map(sample).collect();
    let all = || corrected.iter().flatten().copied().chain([own]);
    let largest = all().fold(f64::NEG_INFINITY, f64::max);
    let ln_sum = largest + all().map(|c| (c - largest).exp()).sum::<f64>().ln();
    let samples = corrected.iter().map(|c| c.map(|c| c - ln_sum)).collect();
    (own - ln_sum, samples)
}

pub(super) fn forward(operator: &SampledSoftmax, io: &mut Forward<'_, f64>) {
    let scores = (io.real(TARGET), io.real(NOISE));
    let (offsets, words) = (io.real(OFFSETS), io.ids(WORDS));
    for (r, loss) in io.output(0).iter_mut().enumerate() {
        *loss = -ln_p(operator.mask, r, scores, offsets, words).0;
    }
}

pub(super) fn backward(
    operator: &SampledSoftmax,
    (rows, samples): (usize, usize),
    io: &mut Backward<'_, f64>,
) {
    let scores = (io.real(TARGET), io.real(NOISE));
    let (offsets, words, g) = (io.real(OFFSETS), io.ids(WORDS), io.upstream());
    let [mut d_target, mut d_samples] = [TARGET, NOISE].map(|input| io.gradient(input));
    for r in 0..rows {
        let (own, sampled) = ln_p(operator.mask, r, scores, offsets, words);
        if let Some(into) = &mut d_target {
            into[r] += g[r] * (own.exp() - 1.0);
        }
        if let Some(into) = &mut d_samples {
            for (j, ln_p) in sampled.iter().enumerate() {
                into[r * samples + j] += g[r] * ln_p.map_or(0.0, f64::exp);
            }
        }
    }
}
