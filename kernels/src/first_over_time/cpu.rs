//! The fast version: rows are copied; tasks take whole sequences.

use limbeck_engine::{Backward, Forward, chunked};

use crate::shared::sequences::{Sizes, split_rows};

pub(super) fn forward(sizes: Sizes, io: &mut Forward<'_, f32>) {
    let (x, offsets, y) = (io.real(0), io.ids(1), io.output(0));
    let columns = sizes.columns;
    if columns == 0 {
        return;
    }
    let per_task = sizes.sequences_per_task();
    chunked(y, per_task * columns, y.len(), |task, block| {
        for (s, y) in (task * per_task..).zip(block.chunks_exact_mut(columns)) {
            y.copy_from_slice(&x[offsets[s] as usize * columns..][..columns]);
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
            if !accumulate {
                dx.fill(0.0);
            }
            for (dx, dy) in dx.iter_mut().zip(&dy[s * columns..][..columns]) {
                *dx += dy;
            }
        }
    });
}
