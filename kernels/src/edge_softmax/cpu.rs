//! The fast version: weighted sums of rows, over targets forward and over sorted edges backward.

use limbeck_engine::{Backward, Forward, chunked};

use super::{EdgeSoftmax, SCORES, columns};
use crate::embedding_bag::weighted_sums;
use crate::shared::edges::{OFFSETS, ORDER, SEGMENTS, SOURCES, TARGETS, X};
use crate::shared::reduce::{self, for_row_blocks, rows_per_task};
use crate::shared::sequences::split_rows;
use crate::shared::{math, segments, vectorised};

pub(super) fn forward(io: &mut Forward<'_, f32>) {
    let (x, scores, y, alpha) = (io.real(X), io.real(SCORES), io.output(0), io.save(0));
    let (offsets, sources) = (io.ids(OFFSETS), io.ids(SOURCES));
    let mut targets = split_rows(alpha, offsets, 1);
    let per_task = rows_per_task(scores.len() / targets.len().max(1));
    chunked(&mut targets, per_task, scores.len(), |task, block| {
        for (i, alpha) in (task * per_task..).zip(block) {
            let first = offsets[i] as usize;
            softmax(alpha, &scores[first..first + alpha.len()]);
        }
    });
    let columns = columns(io.metas());
    weighted_sums(y, (x, columns), (offsets, sources), alpha);
}

vectorised! {
    /// The coefficients of one target's edges, of which there may be none.
    fn softmax(alpha: &mut [f32], scores: &[f32]) {
        let largest = reduce::max(scores);
        for (alpha, score) in alpha.iter_mut().zip(scores) {
            *alpha = math::exp(score - largest);
        }
        let sum = reduce::sum(alpha);
        for alpha in alpha {
            *alpha /= sum;
        }
    }
}

pub(super) fn backward(operator: &EdgeSoftmax, io: &mut Backward<'_, f32>) {
    let columns = columns(io.metas());
    let (alpha, order) = (io.saved(0), io.ids(ORDER));
    let (pieces, sorted) = (io.scratch(0), io.scratch(1));
    if let Some(dscores) = io.gradient(SCORES) {
        let rows = [io.real(X), io.output(0), io.upstream()];
        let (sources, targets) = (io.ids(SOURCES), io.ids(TARGETS));
        let per_task = rows_per_task(columns);
        chunked(dscores, per_task, alpha.len() * columns, |task, block| {
            let first = task * per_task;
            let edges = first..first + block.len();
            let ends = [&sources[edges.clone()], &targets[edges.clone()]];
            add_score_gradients(block, &alpha[edges], ends, rows, columns);
        });
    }
    if let Some(dx) = io.gradient(X) {
        for_row_blocks(sorted, 1, |first, block| {
            for (sorted, &edge) in block.iter_mut().zip(&order[first..]) {
                *sorted = alpha[edge as usize];
            }
        });
        let lists = operator.edges.by_source;
        let lists = lists.lists(|list| io.ids(list), SEGMENTS, Some(sorted));
        segments::sum(lists, io.upstream(), (dx, columns, true), (pieces, &mut []));
    }
}

vectorised! {
    /// `ds += α dy_i · (x_j - y_i)` for some edges from rows j to targets i.
    fn add_score_gradients(
        dscores: &mut [f32],
        alpha: &[f32],
        ends: [&[u32]; 2],
        rows: [&[f32]; 3],
        columns: usize,
    ) {
        let [sources, targets] = ends;
        let [x, y, dy] = rows;
        for (e, (ds, alpha)) in dscores.iter_mut().zip(alpha).enumerate() {
            let (j, i) = (sources[e] as usize * columns, targets[e] as usize * columns);
            let x = &x[j..j + columns];
            let (y, dy) = (&y[i..i + columns], &dy[i..i + columns]);
            *ds += alpha * reduce::sum_of(((x, y), dy), |((x, y), dy)| dy * (x - y));
        }
    }
}
