//! The fast version: blocks of rows that fit the first-level cache.

use crate::shared::log_softmax::Shift;
use crate::shared::reduce::{dot, for_row_blocks, sum};
use crate::shared::{math, vectorised};

pub(super) fn forward(logarithm: bool, columns: usize, x: &[f32], y: &mut [f32]) {
    for_row_blocks(y, columns, |row, y| {
        let x = &x[row * columns..row * columns + y.len()];
        if logarithm {
            logarithms(y, x, columns);
        } else {
            probabilities(y, x, columns);
        }
    });
}

pub(super) fn backward(logarithm: bool, columns: usize, y: &[f32], dy: &[f32], dx: &mut [f32]) {
    for_row_blocks(dx, columns, |row, dx| {
        let range = row * columns..row * columns + dx.len();
        let (y, dy) = (&y[range.clone()], &dy[range]);
        if logarithm {
            through_logarithms(dx, y, dy, columns);
        } else {
            through_probabilities(dx, y, dy, columns);
        }
    });
}

vectorised! {
    fn logarithms(y: &mut [f32], x: &[f32], columns: usize) {
        for (y, x) in y.chunks_exact_mut(columns).zip(x.chunks_exact(columns)) {
            let shift = Shift::of(x, 1.0);
            for (y, &x) in y.iter_mut().zip(x) {
                *y = shift.ln_p(x, 1.0);
            }
        }
    }
}

vectorised! {
    fn probabilities(y: &mut [f32], x: &[f32], columns: usize) {
        for (y, x) in y.chunks_exact_mut(columns).zip(x.chunks_exact(columns)) {
            let shift = Shift::of(x, 1.0);
            for (y, &x) in y.iter_mut().zip(x) {
                *y = math::exp(shift.ln_p(x, 1.0));
            }
        }
    }
}

vectorised! {
    fn through_logarithms(dx: &mut [f32], y: &[f32], dy: &[f32], columns: usize) {
        let rows = y.chunks_exact(columns).zip(dy.chunks_exact(columns));
        for ((y, dy), dx) in rows.zip(dx.chunks_exact_mut(columns)) {
            let sum = sum(dy);
            for ((dx, &y), &dy) in dx.iter_mut().zip(y).zip(dy) {
                *dx += dy - math::exp(y) * sum;
            }
        }
    }
}

vectorised! {
    fn through_probabilities(dx: &mut [f32], y: &[f32], dy: &[f32], columns: usize) {
        let rows = y.chunks_exact(columns).zip(dy.chunks_exact(columns));
        for ((y, dy), dx) in rows.zip(dx.chunks_exact_mut(columns)) {
            let sum = dot(dy, y);
            for ((dx, &y), &dy) in dx.iter_mut().zip(y).zip(dy) {
                *dx += y * (dy - sum);
            }
        }
    }
}
