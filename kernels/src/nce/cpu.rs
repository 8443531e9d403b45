//! The fast version: one vectorised pass over the scores each way.

use limbeck_engine::{Backward, Forward, chunked};

use super::{LN_Z, NOISE, Nce, OFFSETS, TARGET, WORDS};
use crate::shared::reduce::{rows_per_task, sum, sum_of};
use crate::shared::{math, vectorised};

/// What all rows share.
#[derive(Clone, Copy)]
struct Shared<'a> {
    offsets: &'a [f32],
    words: &'a [u32],
    ln_z: f32,
    mask: bool,
}

pub(super) fn forward(operator: &Nce, (rows, noise): (usize, usize), io: &mut Forward<'_, f32>) {
    let (target, scores) = (io.real(TARGET), io.real(NOISE));
    let (offsets, words) = (io.real(OFFSETS), io.ids(WORDS));
    let shared = Shared {
        offsets: &offsets[rows..],
        words: &words[rows..],
        ln_z: io.real(LN_Z)[0],
        mask: operator.mask,
    };
    let per_task = rows_per_task(noise);
    chunked(io.output(0), per_task, 8 * scores.len(), |task, loss| {
        for (r, loss) in (task * per_task..).zip(loss) {
            let delta = target[r] - shared.ln_z - offsets[r];
            let of_noise = noise_loss(&scores[r * noise..][..noise], shared, words[r]);
            *loss = math::softplus(-delta) + of_noise;
        }
    });
}

pub(super) fn backward(operator: &Nce, (rows, noise): (usize, usize), io: &mut Backward<'_, f32>) {
    let (target, scores, g) = (io.real(TARGET), io.real(NOISE), io.upstream());
    let (offsets, words) = (io.real(OFFSETS), io.ids(WORDS));
    let shared = Shared {
        offsets: &offsets[rows..],
        words: &words[rows..],
        ln_z: io.real(LN_Z)[0],
        mask: operator.mask,
    };
    let of_target = |r: usize| {
        let delta = target[r] - shared.ln_z - offsets[r];
        -g[r] * math::sigmoid(-delta)
    };
    if let Some(d_target) = io.gradient(TARGET) {
        for (r, into) in d_target.iter_mut().enumerate() {
            *into += of_target(r);
        }
    }
    // The sum of all gradients of a row, for ln Z.
    let sums = io.scratch(0);
    let per_task = rows_per_task(noise);
    if let Some((d_noise, accumulate)) = io.gradient_slot(NOISE) {
        let mut tasks: Vec<_> = row_blocks(d_noise, noise, rows, per_task)
            .zip(sums.chunks_mut(per_task))
            .collect();
        chunked(&mut tasks, 1, 8 * scores.len(), |task, parts| {
            let (d_noise, sums) = &mut parts[0];
            for (i, sum) in sums.iter_mut().enumerate() {
                let r = task * per_task + i;
                let (into, scores) = (
                    &mut d_noise[i * noise..][..noise],
                    &scores[r * noise..][..noise],
                );
                if !accumulate {
                    into.fill(0.0);
                }
                *sum = of_target(r) + add_noise_gradient(into, scores, shared, words[r], g[r]);
            }
        });
    } else {
        let mut nothing = vec![0.0; noise];
        for (r, sum) in sums.iter_mut().enumerate() {
            let scores = &scores[r * noise..][..noise];
            *sum = of_target(r) + add_noise_gradient(&mut nothing, scores, shared, words[r], g[r]);
        }
    }
    if let Some(d_ln_z) = io.gradient(LN_Z) {
        d_ln_z[0] -= sum(sums);
    }
}

/// Blocks of `per_task` rows; as many empty ones where rows are empty.
fn row_blocks(
    mut matrix: &mut [f32],
    columns: usize,
    rows: usize,
    per_task: usize,
) -> impl Iterator<Item = &mut [f32]> {
    (0..rows.div_ceil(per_task)).map(move |task| {
        let high = per_task.min(rows - task * per_task);
        let (block, rest) = std::mem::take(&mut matrix).split_at_mut(high * columns);
        matrix = rest;
        block
    })
}

vectorised! {
    fn noise_loss(scores: &[f32], shared: Shared<'_>, target: u32) -> f32 {
        let (offsets, words) = (&shared.offsets[..scores.len()], &shared.words[..scores.len()]);
        sum_of(((scores, offsets), words), |((score, offset), word)| {
            let loss = math::softplus(score - shared.ln_z - offset);
            if shared.mask && word == target { 0.0 } else { loss }
        })
    }
}

vectorised! {
    /// `into += g σ(Δ)`; the sum of what was added.
    fn add_noise_gradient(into: &mut [f32], scores: &[f32], shared: Shared<'_>, target: u32, g: f32) -> f32 {
        let (offsets, words) = (&shared.offsets[..scores.len()], &shared.words[..scores.len()]);
        let gradient = |((score, offset), word): ((f32, f32), u32)| {
            let ds = g * math::sigmoid(score - shared.ln_z - offset);
            if shared.mask && word == target { 0.0 } else { ds }
        };
        let rows = scores.iter().zip(offsets).zip(words);
        for (into, ((&score, &offset), &word)) in into.iter_mut().zip(rows) {
            *into += gradient(((score, offset), word));
        }
        sum_of(((scores, offsets), words), gradient)
    }
}
