//! The definition, in f64.

use limbeck_engine::{Backward, Forward};

pub(super) fn forward((rows, columns): (usize, usize), io: &mut Forward<'_, f64>) {
    let (x, y) = (io.real(0), io.output(0));
    for r in 0..rows {
        for c in 0..columns {
            y[c * rows + r] = x[r * columns + c];
        }
    }
}

pub(super) fn backward((rows, columns): (usize, usize), io: &mut Backward<'_, f64>) {
    let dy = io.upstream();
    if let Some(dx) = io.gradient(0) {
        for r in 0..rows {
            for c in 0..columns {
                dx[r * columns + c] += dy[c * rows + r];
            }
        }
    }
}
