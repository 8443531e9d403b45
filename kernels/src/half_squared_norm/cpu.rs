//! The fast version: blocks of rows.

use limbeck_engine::chunked;

use crate::shared::reduce::{dot, for_row_blocks, rows_per_task};
use crate::shared::vectorised;

pub(super) fn forward(columns: usize, x: &[f32], y: &mut [f32]) {
    let rows = rows_per_task(columns);
    chunked(y, rows, x.len(), |task, y| {
        let start = task * rows * columns;
        norms(y, &x[start..start + y.len() * columns], columns);
    });
}

pub(super) fn backward(columns: usize, x: &[f32], dy: &[f32], dx: &mut [f32]) {
    for_row_blocks(dx, columns, |row, dx| {
        let x = &x[row * columns..row * columns + dx.len()];
        add_scaled(dx, x, &dy[row..], columns);
    });
}

vectorised! {
    fn norms(y: &mut [f32], x: &[f32], columns: usize) {
        for (y, x) in y.iter_mut().zip(x.chunks_exact(columns)) {
            *y = 0.5 * dot(x, x);
        }
    }
}

vectorised! {
    fn add_scaled(dx: &mut [f32], x: &[f32], dy: &[f32], columns: usize) {
        let rows = dx.chunks_exact_mut(columns).zip(x.chunks_exact(columns));
        for ((dx, x), &dy) in rows.zip(dy) {
            for (dx, x) in dx.iter_mut().zip(x) {
                *dx += dy * x;
            }
        }
    }
}
