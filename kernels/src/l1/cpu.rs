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

/// Adds the gradient of `a`; that of b is the same with both exchanged.
pub(super) fn backward(columns: usize, a: &[f32], b: &[f32], dloss: &[f32], into: &mut [f32]) {
    for_row_blocks(into, columns, |row, into| {
        let range = row * columns..row * columns + into.len();
        add_signs(into, &a[range.clone()], &b[range], &dloss[row..], columns);
    });
}

vectorised! {
    fn means(loss: &mut [f32], a: &[f32], b: &[f32], columns: usize) {
        let rows = a.chunks_exact(columns).zip(b.chunks_exact(columns));
        for (loss, (a, b)) in loss.iter_mut().zip(rows) {
            *loss = sum_of((a, b), |(a, b)| (a - b).abs()) / columns as f32;
        }
    }
}

vectorised! {
    fn add_signs(into: &mut [f32], a: &[f32], b: &[f32], dloss: &[f32], columns: usize) {
        let rows = a.chunks_exact(columns).zip(b.chunks_exact(columns));
        for ((into, &dloss), (a, b)) in into.chunks_exact_mut(columns).zip(dloss).zip(rows) {
            let scale = dloss / columns as f32;
            for ((into, a), b) in into.iter_mut().zip(a).zip(b) {
                let difference = a - b;
                // A NaN stays one: it is not equal to 0.
                *into += if difference == 0.0 { 0.0 } else { scale * difference.signum() };
            }
        }
    }
}
