//! The fast version: one vectorised pass over the scores each way.

use limbeck_engine::{Backward, Forward, chunked};

use super::SampledSoftmax;
use crate::nce::{NOISE, OFFSETS, TARGET, WORDS};
use crate::shared::reduce::{rows_per_task, sum_of};
use crate::shared::{math, vectorised};

/// What all rows share.
#[derive(Clone, Copy)]
struct Shared<'a> {
    offsets: &'a [f32],
    words: &'a [u32],
    mask: bool,
}

pub(super) fn forward(
    operator: &SampledSoftmax,
    (rows, samples): (usize, usize),
    io: &mut Forward<'_, f32>,
) {
    let (target, scores) = (io.real(TARGET), io.real(NOISE));
    let (offsets, words) = (io.real(OFFSETS), io.ids(WORDS));
    let shared = Shared {
        offsets: &offsets[rows..],
        words: &words[rows..],
        mask: operator.mask,
    };
    let (shifts, loss) = (io.save(0), io.output(0));
    let per_task = rows_per_task(samples);
    chunked(shifts, 2 * per_task, 8 * scores.len(), |task, shifts| {
        for (i, into) in shifts.chunks_exact_mut(2).enumerate() {
            let r = task * per_task + i;
            let own = target[r] - offsets[r];
            let (largest, sum) =
                exponentials(&scores[r * samples..][..samples], own, shared, words[r]);
            into.copy_from_slice(&[largest, math::ln(sum)]);
        }
    });
    for (r, loss) in loss.iter_mut().enumerate() {
        *loss = shifts[2 * r + 1] - (target[r] - offsets[r] - shifts[2 * r]);
    }
}

pub(super) fn backward(
    operator: &SampledSoftmax,
    (rows, samples): (usize, usize),
    io: &mut Backward<'_, f32>,
) {
    let (target, scores, g) = (io.real(TARGET), io.real(NOISE), io.upstream());
    let (offsets, words, shifts) = (io.real(OFFSETS), io.ids(WORDS), io.saved(0));
    let shared = Shared {
        offsets: &offsets[rows..],
        words: &words[rows..],
        mask: operator.mask,
    };
    if let Some(d_target) = io.gradient(TARGET) {
        for (r, into) in d_target.iter_mut().enumerate() {
            let ln_p = target[r] - offsets[r] - shifts[2 * r] - shifts[2 * r + 1];
            *into += g[r] * (math::exp(ln_p) - 1.0);
        }
    }
    let Some((d_samples, accumulate)) = io.gradient_slot(NOISE) else {
        return;
    };
    let per_task = rows_per_task(samples);
    let work = 8 * scores.len();
    chunked(d_samples, per_task * samples, work, |task, block| {
        for (i, into) in block.chunks_exact_mut(samples.max(1)).enumerate() {
            let r = task * per_task + i;
            if !accumulate {
                into.fill(0.0);
            }
            let shift = (shifts[2 * r], shifts[2 * r + 1]);
            add_probabilities(
                into,
                &scores[r * samples..][..samples],
                shift,
                shared,
                words[r],
                g[r],
            );
        }
    });
}

vectorised! {
    /// The largest corrected score, and the sum of exp(score - largest), the target's `own` included.
    fn exponentials(scores: &[f32], own: f32, shared: Shared<'_>, target: u32) -> (f32, f32) {
        let (offsets, words) = (&shared.offsets[..scores.len()], &shared.words[..scores.len()]);
        let left_out = |word: u32| shared.mask && word == target;
        let mut largest = own;
        for ((score, offset), &word) in scores.iter().zip(offsets).zip(words) {
            let corrected = score - offset;
            let corrected = if left_out(word) { own } else { corrected };
            // A NaN stays.
            largest = if corrected > largest || corrected.is_nan() { corrected } else { largest };
        }
        let sum = sum_of(((scores, offsets), words), |((score, offset), word)| {
            let power = math::exp(score - offset - largest);
            if left_out(word) { 0.0 } else { power }
        });
        (largest, sum + math::exp(own - largest))
    }
}

vectorised! {
    /// `into += g p`.
    fn add_probabilities(into: &mut [f32], scores: &[f32], shift: (f32, f32), shared: Shared<'_>, target: u32, g: f32) {
        let (offsets, words) = (&shared.offsets[..scores.len()], &shared.words[..scores.len()]);
        let (largest, ln_sum) = shift;
        let rows = scores.iter().zip(offsets).zip(words);
        for (into, ((score, offset), &word)) in into.iter_mut().zip(rows) {
            let p = math::exp(score - offset - largest - ln_sum);
            *into += if shared.mask && word == target { 0.0 } else { g * p };
        }
    }
}
