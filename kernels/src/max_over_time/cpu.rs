//! The fast version: all columns of a sequence at once, row by row; tasks take whole sequences.

use limbeck_engine::{Backward, Forward, chunked};

use crate::shared::sequences::{Sizes, split_rows};
use crate::shared::vectorised;

pub(super) fn forward(sizes: Sizes, io: &mut Forward<'_, f32>) {
    let (x, offsets, y, rows) = (io.real(0), io.ids(1), io.output(0), io.save_ids(0));
    let columns = sizes.columns;
    if columns == 0 {
        return;
    }
    let per_task = sizes.sequences_per_task();
    let blocks = y.chunks_mut(per_task * columns);
    let mut blocks: Vec<_> = blocks.zip(rows.chunks_mut(per_task * columns)).collect();
    chunked(&mut blocks, 1, x.len(), |task, block| {
        let (y, rows) = &mut block[0];
        let results = y
            .chunks_exact_mut(columns)
            .zip(rows.chunks_exact_mut(columns));
        for (s, (y, rows)) in (task * per_task..).zip(results) {
            let [first, end] = [offsets[s], offsets[s + 1]];
            let x = &x[first as usize * columns..end as usize * columns];
            largest(x, first, y, rows);
        }
    });
}

vectorised! {
    /// The largest value of each column of `x`, and the first row that has it, counted from `first`.
    pub(crate) fn largest(x: &[f32], first: u32, y: &mut [f32], rows: &mut [u32]) {
        let (head, rest) = x.split_at(y.len());
        y.copy_from_slice(head);
        rows.fill(first);
        for (r, x) in (first + 1..).zip(rest.chunks_exact(y.len())) {
            for ((y, row), &x) in y.iter_mut().zip(rows.iter_mut()).zip(x) {
                // Without branches, so that the loop vectorises.
                let larger = (x > *y) | (x.is_nan() & !y.is_nan());
                *y = if larger { x } else { *y };
                *row = if larger { r } else { *row };
            }
        }
    }
}

pub(super) fn backward(sizes: Sizes, io: &mut Backward<'_, f32>) {
    let (offsets, rows, dy) = (io.ids(1), io.saved_ids(0), io.upstream());
    let Some((dx, accumulate)) = io.gradient_slot(0) else {
        return;
    };
    let columns = sizes.columns;
    let (work, per_task) = (dx.len(), sizes.sequences_per_task());
    let mut sequences = split_rows(dx, offsets, columns);
    chunked(&mut sequences, per_task, work, |task, block| {
        for (s, dx) in (task * per_task..).zip(block) {
            if !accumulate {
                dx.fill(0.0);
            }
            for c in 0..columns {
                let at = s * columns + c;
                dx[(rows[at] - offsets[s]) as usize * columns + c] += dy[at];
            }
        }
    });
}
