//! The fast version: blocks of rows.

use limbeck_engine::chunked;

use crate::shared::reduce::{for_row_blocks, rows_per_task, sum_of};
use crate::shared::vectorised;

pub(super) fn forward(columns: usize, a: &[f32], b: &[f32], loss: &mut [f32]) {
    let rows = rows_per_task(columns);
    chunked(loss, rows, a.len(), |task, loss| {
        let start = task * rows * columns;
        let range = start..start + loss.len() * columns;
        means(loss, &a[range.clone()], &b[range], columns);
    });
}

/// Adds the gradient of a (`sign` 1) or of b (`sign` -1).
pub(super) fn backward(
    columns: usize,
    a: &[f32],
    b: &[f32],
    dloss: &[f32],
    sign: f32,
    into: &mut [f32],
) {
    let factor = sign * 2.0 / columns as f32;
    for_row_blocks(into, columns, |row, into| {
        let range = row * columns..row * columns + into.len();
        let (a, b) = (&a[range.clone()], &b[range]);
        add_differences(into, a, b, &dloss[row..], factor, columns);
    });
}

vectorised! {
    fn means(loss: &mut [f32], a: &[f32], b: &[f32], columns: usize) {
        let rows = a.chunks_exact(columns).zip(b.chunks_exact(columns));
        for (loss, (a, b)) in loss.iter_mut().zip(rows) {
            *loss = sum_of((a, b), |(a, b)| (a - b) * (a - b)) / columns as f32;
        }
    }
}

vectorised! {
    fn add_differences(
        into: &mut [f32], a: &[f32], b: &[f32], dloss: &[f32], factor: f32, columns: usize,
    ) {
        let rows = a.chunks_exact(columns).zip(b.chunks_exact(columns));
        for ((into, &dloss), (a, b)) in into.chunks_exact_mut(columns).zip(dloss).zip(rows) {
            let scale = dloss * factor;
            for ((into, a), b) in into.iter_mut().zip(a).zip(b) {
                *into += scale * (a - b);
            }
        }
    }
}
