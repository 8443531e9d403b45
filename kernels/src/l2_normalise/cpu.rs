//! The fast version. Numbers are divided by the row's largest before they are squared, so that
//! neither very large nor very small rows lose their length.

use limbeck_engine::{Backward, Forward, chunked};

use super::L2Normalise;
use crate::shared::reduce::{self, for_row_blocks, rows_per_task};
use crate::shared::vectorised;

pub(super) fn forward(
    operator: &L2Normalise,
    (rows, columns): (usize, usize),
    io: &mut Forward<'_, f32>,
) {
    let (x, y, lengths) = (io.real(0), io.output(0), io.save(0));
    if columns == 0 {
        lengths.fill(0.0);
        return;
    }
    let per_task = rows_per_task(columns);
    chunked(lengths, per_task, rows * columns, |task, block| {
        for (r, into) in (task * per_task..).zip(block) {
            *into = length(&x[r * columns..(r + 1) * columns]);
        }
    });
    let lengths = &*lengths;
    for_row_blocks(y, columns, |first, block| {
        for (r, y) in (first..).zip(block.chunks_exact_mut(columns)) {
            let x = &x[r * columns..(r + 1) * columns];
            divide(y, x, at_least(operator.epsilon, lengths[r]));
        }
    });
}

pub(super) fn backward(
    operator: &L2Normalise,
    (_, columns): (usize, usize),
    io: &mut Backward<'_, f32>,
) {
    let (y, dy, lengths) = (io.output(0), io.upstream(), io.saved(0));
    let Some(dx) = io.gradient(0) else { return };
    if columns == 0 {
        return;
    }
    for_row_blocks(dx, columns, |first, block| {
        for (r, dx) in (first..).zip(block.chunks_exact_mut(columns)) {
            let row = r * columns..(r + 1) * columns;
            if lengths[r] == 0.0 {
                continue;
            }
            let short = lengths[r] < operator.epsilon;
            let divisor = at_least(operator.epsilon, lengths[r]);
            add_gradient(dx, &y[row.clone()], &dy[row], divisor, short);
        }
    });
}

/// max(length, epsilon), and NaN if the length is.
fn at_least(epsilon: f32, length: f32) -> f32 {
    if length < epsilon { epsilon } else { length }
}

vectorised! {
    /// The Euclidean length of a row.
    fn length(x: &[f32]) -> f32 {
        // Bits without the sign order like magnitudes, with NaN above infinity.
        let largest = x.iter().map(|x| x.to_bits() & 0x7fff_ffff).max().unwrap_or(0);
        let largest = f32::from_bits(largest);
        if largest == 0.0 {
            return 0.0;
        }
        let squares = reduce::sum_of(x, |x| {
            let scaled = x / largest;
            scaled * scaled
        });
        largest * squares.sqrt()
    }
}

vectorised! {
    fn divide(y: &mut [f32], x: &[f32], divisor: f32) {
        for (y, x) in y.iter_mut().zip(x) {
            *y = x / divisor;
        }
    }
}

vectorised! {
    /// `dx += (dy - y (y . dy)) / divisor`, without the second term for short rows.
    fn add_gradient(dx: &mut [f32], y: &[f32], dy: &[f32], divisor: f32, short: bool) {
        let along = if short { 0.0 } else { reduce::dot(y, dy) };
        for ((dx, y), dy) in dx.iter_mut().zip(y).zip(dy) {
            *dx += (dy - y * along) / divisor;
        }
    }
}
