//! The fast version: rows of the table added up, in blocks of rows of the result.

use limbeck_engine::{Forward, chunked};

use super::{BIAS, COORDINATES, IDS, TABLE};
use crate::activation::apply_in_place;
use crate::conv1d::Conv1d;
use crate::shared::reduce::rows_per_task;
use crate::shared::vectorised;

pub(super) fn forward(operator: &Conv1d, io: &mut Forward<'_, f32>) {
    let (table, ids, b, y) = (io.real(TABLE), io.ids(IDS), io.real(BIAS), io.output(0));
    let (outputs, coordinates) = (b.len(), io.ids(COORDINATES));
    if outputs == 0 {
        return;
    }
    let (rows, work) = (rows_per_task(outputs), y.len() * operator.kernel_size);
    chunked(y, rows * outputs, work, |task, block| {
        for (t, y) in (task * rows..).zip(block.chunks_exact_mut(outputs)) {
            y.copy_from_slice(b);
            let window = window(operator, t, coordinates);
            add_parts(y, table, operator.kernel_size, window, ids);
        }
        if let Some(activation) = operator.activation {
            apply_in_place(activation, block);
        }
    });
}

/// The first tap of a window that meets its sequence, the row it meets, and how many do.
fn window(operator: &Conv1d, t: usize, coordinates: &[u32]) -> (usize, usize, usize) {
    let (sample, position) = (coordinates[2 * t], coordinates[2 * t + 1] as usize);
    let left = operator.left();
    let tap = left.saturating_sub(position);
    let first = t + tap - left;
    let longest = operator.kernel_size - tap;
    let ahead = coordinates[2 * first..].chunks_exact(2).take(longest);
    (tap, first, ahead.take_while(|c| c[0] == sample).count())
}

vectorised! {
    /// `y += Σ_j F[id_{first + j}, tap + j]`.
    fn add_parts(
        y: &mut [f32],
        table: &[f32],
        kernel_size: usize,
        window: (usize, usize, usize),
        ids: &[u32],
    ) {
        let (tap, first, taps) = window;
        let width = kernel_size * y.len();
        for j in 0..taps {
            let from = ids[first + j] as usize * width + (tap + j) * y.len();
            let part = &table[from..from + y.len()];
            for (y, part) in y.iter_mut().zip(part) {
                *y += part;
            }
        }
    }
}
