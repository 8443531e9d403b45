//! The fast version: sixteen counters at a time, and one pass over memory.

use limbeck_engine::{Backward, Forward};

use super::Dropout;
use crate::shared::philox::{CHANNELS, words};
use crate::shared::reduce::for_row_blocks;
use crate::shared::vectorised;
use crate::weighted_sum::add_scaled;

pub(super) fn forward(operator: &Dropout, io: &mut Forward<'_, f32>) {
    let (x, coordinates, y) = (io.real(0), io.ids(1), io.output(0));
    let columns = io.metas()[0].shape.columns();
    let residual = operator.residual.then(|| io.real(2));
    for_row_blocks(y, columns, |first, y| {
        if let Some(residual) = residual {
            y.copy_from_slice(&residual[first * columns..][..y.len()]);
        }
        let x = &x[first * columns..][..y.len()];
        mask_rows(
            y,
            x,
            columns,
            &coordinates[2 * first..],
            *operator,
            operator.residual,
        );
    });
}

pub(super) fn backward(operator: &Dropout, io: &mut Backward<'_, f32>) {
    let (coordinates, dy) = (io.ids(1), io.upstream());
    let columns = io.metas()[0].shape.columns();
    if let Some((dx, accumulate)) = io.gradient_slot(0) {
        for_row_blocks(dx, columns, |first, dx| {
            let dy = &dy[first * columns..][..dx.len()];
            mask_rows(
                dx,
                dy,
                columns,
                &coordinates[2 * first..],
                *operator,
                accumulate,
            );
        });
    }
    if let Some((dr, accumulate)) = io.gradient_slot(2) {
        add_scaled(dr, dy, 1.0, accumulate);
    }
}

vectorised! {
    /// `y = m x`, or `y += m x`, for whole rows.
    fn mask_rows(
        y: &mut [f32],
        x: &[f32],
        columns: usize,
        coordinates: &[u32],
        operator: Dropout,
        accumulate: bool,
    ) {
        let Dropout { stream, threshold, scale, .. } = operator;
        let rows = y.chunks_exact_mut(columns).zip(x.chunks_exact(columns));
        for ((y, x), at) in rows.zip(coordinates.chunks_exact(2)) {
            let blocks = y.chunks_mut(CHANNELS).zip(x.chunks(CHANNELS));
            for (block, (y, x)) in blocks.enumerate() {
                let words = words(stream, at[0], at[1], block);
                for ((y, &x), word) in y.iter_mut().zip(x).zip(words) {
                    let kept = if word < threshold { 0.0 } else { x * scale };
                    *y = if accumulate { *y + kept } else { kept };
                }
            }
        }
    }
}
