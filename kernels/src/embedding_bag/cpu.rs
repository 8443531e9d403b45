//! The fast version: weighted row sums both ways, over bags forward and over sorted entries
//! backward.

use limbeck_engine::{Backward, Forward, chunked};

use super::{EmbeddingBag, INDICES, OFFSETS, SEGMENTS, SORTED_WEIGHTS, TABLE, WEIGHTS};
use crate::shared::reduce::rows_per_task;
use crate::shared::segments::{self, add_entries};

pub(super) fn forward(operator: &EmbeddingBag, io: &mut Forward<'_, f32>) {
    let columns = io.metas()[TABLE].shape.columns();
    if columns == 0 {
        return;
    }
    let (table, weights, y) = (io.real(TABLE), io.real(WEIGHTS), io.output(0));
    let (offsets, indices) = (io.ids(OFFSETS), io.ids(INDICES));
    let entries = indices.len();
    let entries_per_bag = (entries / operator.bags.max(1)).max(1);
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
        let lists = (operator.segments, SEGMENTS);
        segments::add(io, lists, (dtable, columns), Some(weights), pieces);
    }
}
