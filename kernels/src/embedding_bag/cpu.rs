//! The fast version: weighted row sums both ways, over bags forward and over sorted entries
//! backward.

use limbeck_engine::{Backward, Forward, chunked};

use super::{EmbeddingBag, INDICES, OFFSETS, SEGMENTS, SORTED_WEIGHTS, TABLE, WEIGHTS};
use crate::shared::reduce::rows_per_task;
use crate::shared::segments::{self, add_entries};

pub(super) fn forward(io: &mut Forward<'_, f32>) {
    let columns = io.metas()[TABLE].shape.columns();
    let (table, weights, y) = (io.real(TABLE), io.real(WEIGHTS), io.output(0));
    let lists = (io.ids(OFFSETS), io.ids(INDICES));
    weighted_sums(y, (table, columns), lists, weights);
}

/// `y_b` = the sum of weight * table row over the entries `offsets[b]..offsets[b + 1]`.
pub(crate) fn weighted_sums(
    y: &mut [f32],
    (table, columns): (&[f32], usize),
    (offsets, indices): (&[u32], &[u32]),
    weights: &[f32],
) {
    if columns == 0 {
        return;
    }
    let (bags, entries) = (offsets.len() - 1, indices.len());
    let entries_per_bag = (entries / bags.max(1)).max(1);
    let per_task = (rows_per_task(columns) / entries_per_bag).max(1);
    chunked(y, per_task * columns, entries * columns, |task, block| {
        for (bag, y) in (task * per_task..).zip(block.chunks_exact_mut(columns)) {
            let entries = offsets[bag] as usize..offsets[bag + 1] as usize;
            y.fill(0.0);
            add_entries(y, table, &indices[entries.clone()], Some(&weights[entries]));
        }
    });
}

pub(super) fn backward(operator: &EmbeddingBag, io: &mut Backward<'_, f32>) {
    let columns = io.metas()[TABLE].shape.columns();
    let (weights, pieces) = (io.real(SORTED_WEIGHTS), io.scratch(0));
    if let Some(dtable) = io.gradient(TABLE) {
        let ids = |list| io.ids(list);
        let lists = operator.segments.lists(ids, SEGMENTS, Some(weights));
        segments::sum(
            lists,
            io.upstream(),
            (dtable, columns, true),
            (pieces, &mut []),
        );
    }
}
