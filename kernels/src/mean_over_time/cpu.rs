//! The fast version: all columns of a sequence at once, row by row; tasks take whole sequences.

use limbeck_engine::{Backward, Forward, chunked};

use crate::shared::reduce::add_rows;
use crate::shared::sequences::{Sizes, split_rows};
use crate::shared::vectorised;

pub(super) fn forward(sizes: Sizes, mean: bool, io: &mut Forward<'_, f32>) {
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
            if mean {
                divide(y, rows.len() as f32);
            }
        }
    });
}

pub(super) fn backward(sizes: Sizes, mean: bool, io: &mut Backward<'_, f32>) {
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
            let rows = (dx.len() / columns) as f32;
            let divisor = if mean { rows } else { 1.0 };
            spread(dx, &dy[s * columns..][..columns], divisor, accumulate);
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
    /// `dy / divisor` for every row of `dx`.
    fn spread(dx: &mut [f32], dy: &[f32], divisor: f32, accumulate: bool) {
        for row in dx.chunks_exact_mut(dy.len()) {
            for (dx, dy) in row.iter_mut().zip(dy) {
                let share = dy / divisor;
                *dx = if accumulate { *dx + share } else { share };
            }
        }
    }
}
