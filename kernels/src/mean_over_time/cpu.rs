//! The fast version: all columns of a sequence at once, row by row; tasks take whole sequences.

use limbeck_engine::{Backward, Forward, chunked};

use crate::shared::reduce::add_rows;
use crate::shared::sequences::{Sizes, split_rows};
use crate::shared::vectorised;

pub(super) fn forward(sizes: Sizes, io: &mut Forward<'_, f32>) {
    let (x, offsets, y) = (io.real(0), io.ids(1), io.output(0));
    let columns = sizes.columns;
    if columns == 0 {
        return;
    }
    let per_task = sizes.sequences_per_task();
    chunked(y, per_task * columns, x.len(), |task, block| {
        for (s, y) in (task * per_task..).zip(block.chunks_exact_mut(columns)) {
            let rows = offsets[s] as usize..offsets[s + 1] as usize;
            y.fill(0.0);
            add_rows(y, &x[rows.start * columns..rows.end * columns]);
            divide(y, rows.len() as f32);
        }
    });
}

pub(super) fn backward(sizes: Sizes, io: &mut Backward<'_, f32>) {
    let (offsets, dy) = (io.ids(1), io.upstream());
    let Some((dx, accumulate)) = io.gradient_slot(0) else {
        return;
    };
    let columns = sizes.columns;
    if columns == 0 {
        return;
    }
    let (work, per_task) = (dx.len(), sizes.sequences_per_task());
    let mut sequences = split_rows(dx, offsets, columns);
    chunked(&mut sequences, per_task, work, |task, block| {
        for (s, dx) in (task * per_task..).zip(block) {
            spread(dx, &dy[s * columns..][..columns], accumulate);
        }
    });
}

vectorised! {
    fn divide(row: &mut [f32], by: f32) {
        for value in row {
            *value /= by;
        }
    }
}

vectorised! {
    /// An equal share of `dy` for every row of `dx`.
    fn spread(dx: &mut [f32], dy: &[f32], accumulate: bool) {
        let length = (dx.len() / dy.len()) as f32;
        for row in dx.chunks_exact_mut(dy.len()) {
            for (dx, dy) in row.iter_mut().zip(dy) {
                let share = dy / length;
                *dx = if accumulate { *dx + share } else { share };
            }
        }
    }
}
