//! The fast version: row copies forward, sums over sorted rows backward.

use limbeck_engine::{Backward, Forward, chunked};

use super::{COORDINATES, Embedding, IDS, OFFSETS, POSITIONS, SEGMENTS, TABLE};
use crate::shared::reduce::{for_row_blocks, rows_per_task};
use crate::shared::{segments, vectorised};

pub(super) fn forward(operator: &Embedding, columns: usize, io: &mut Forward<'_, f32>) {
    if columns == 0 {
        return;
    }
    let (table, ids, y) = (io.real(TABLE), io.ids(IDS), io.output(0));
    let positions = operator
        .longest
        .map(|_| (io.real(POSITIONS), io.ids(COORDINATES)));
    for_row_blocks(y, columns, |first, block| {
        for (r, y) in (first..).zip(block.chunks_exact_mut(columns)) {
            y.copy_from_slice(row(table, ids[r] as usize, columns));
            if let Some((positions, coordinates)) = positions {
                add(y, row(positions, coordinates[2 * r + 1] as usize, columns));
            }
        }
    });
}

pub(super) fn backward(operator: &Embedding, columns: usize, io: &mut Backward<'_, f32>) {
    let pieces = io.scratch(0);
    if let Some(dtable) = io.gradient(TABLE) {
        let ids = |list| io.ids(list);
        let lists = operator.segments.lists(ids, SEGMENTS, None);
        segments::sum(
            lists,
            io.upstream(),
            (dtable, columns, true),
            (pieces, &mut []),
        );
    }
    if let Some(dpositions) = io.gradient(POSITIONS) {
        add_positions(dpositions, columns, io.upstream(), io.ids(OFFSETS));
    }
}

/// `into[p] += sum over the texts, in order, of the row at their position p`.
fn add_positions(into: &mut [f32], columns: usize, dy: &[f32], offsets: &[u32]) {
    let per_task = rows_per_task(columns);
    chunked(into, per_task * columns, dy.len(), |task, block| {
        for (p, into) in (task * per_task..).zip(block.chunks_exact_mut(columns)) {
            for text in offsets.windows(2) {
                let at = text[0] as usize + p;
                if at < text[1] as usize {
                    add(into, row(dy, at, columns));
                }
            }
        }
    });
}

fn row(matrix: &[f32], number: usize, columns: usize) -> &[f32] {
    &matrix[number * columns..][..columns]
}

vectorised! {
    fn add(into: &mut [f32], row: &[f32]) {
        for (a, b) in into.iter_mut().zip(row) {
            *a += b;
        }
    }
}
