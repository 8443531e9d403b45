//! The fast version: every task writes whole rows.

use limbeck_engine::{Backward, Forward};

use crate::shared::reduce::for_row_blocks;

pub(super) fn forward((rows, columns): (usize, usize), io: &mut Forward<'_, f32>) {
    transpose(io.real(0), columns, (io.output(0), rows), false);
}

pub(super) fn backward((rows, columns): (usize, usize), io: &mut Backward<'_, f32>) {
    let dy = io.upstream();
    if let Some((dx, accumulate)) = io.gradient_slot(0) {
        transpose(dy, rows, (dx, columns), accumulate);
    }
}

/// `into[r, c] (+)= from[c, r]`, with this many columns in each.
fn transpose(
    from: &[f32],
    from_columns: usize,
    (into, into_columns): (&mut [f32], usize),
    accumulate: bool,
) {
    for_row_blocks(into, into_columns, |first, block| {
        for (row, into) in (first..).zip(block.chunks_exact_mut(into_columns)) {
            let column = from[row..].iter().step_by(from_columns);
            for (into, from) in into.iter_mut().zip(column) {
                *into = if accumulate { *into + from } else { *from };
            }
        }
    });
}
