//! The fast version: a product for each block of words, folded row by row.

use limbeck_engine::{Forward, chunked};

use super::{LogPartition, Sizes};
use crate::linear::add_bias;
use crate::shared::gemm::{Matrix, gemm_then};
use crate::shared::reduce::{self, rows_per_task};
use crate::shared::{math, vectorised};

pub(super) fn forward(operator: &LogPartition, sizes: Sizes, io: &mut Forward<'_, f32>) {
    let Sizes {
        rows,
        words,
        columns,
    } = sizes;
    let (h, w, b, ln_z) = (io.real(0), io.real(1), io.real(2), io.output(0));
    let (scores, sums) = (io.scratch(0), io.scratch(1));
    for sums in sums.chunks_exact_mut(2) {
        sums.copy_from_slice(&[f32::NEG_INFINITY, 0.0]);
    }
    for block in operator.blocks(words) {
        let n = block.len();
        let scores = &mut scores[..rows * n];
        let of_block = &w[block.start * columns..block.end * columns];
        let (left, right) = (
            Matrix::rows(h, columns),
            Matrix::transposed(of_block, columns),
        );
        let bias = &b[block];
        gemm_then(
            (rows, columns, n),
            left,
            right,
            false,
            scores,
            |_, scores| {
                add_bias(scores, Some(bias));
            },
        );
        let (scores, per_task) = (&*scores, rows_per_task(n));
        chunked(sums, 2 * per_task, 8 * scores.len(), |task, sums| {
            for (i, sums) in sums.chunks_exact_mut(2).enumerate() {
                let r = task * per_task + i;
                fold(sums, &scores[r * n..(r + 1) * n]);
            }
        });
    }
    for (ln_z, sums) in ln_z.iter_mut().zip(sums.chunks_exact(2)) {
        *ln_z = sums[0] + math::ln(sums[1]);
    }
}

vectorised! {
    /// Takes more scores into the largest one so far and the sum of exp(score - largest).
    fn fold(sums: &mut [f32], scores: &[f32]) {
        let (before, of_block) = (sums[0], reduce::max(scores));
        // A NaN stays.
        let largest = if before > of_block { before } else { of_block };
        let sum = reduce::sum_of(scores, |score| {
            let power = math::exp(score - largest);
            // Where the largest is minus infinity too, their difference is no number.
            if score == f32::NEG_INFINITY { 0.0 } else { power }
        });
        let before = if sums[1] == 0.0 { 0.0 } else { sums[1] * math::exp(before - largest) };
        sums[0] = largest;
        sums[1] = before + sum;
    }
}
