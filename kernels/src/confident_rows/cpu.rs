//! The fast version.

use limbeck_engine::{Forward, chunked};

use crate::shared::reduce::{max, rows_per_task, sum_of};
use crate::shared::{math, vectorised};

pub(super) fn forward(threshold: f32, io: &mut Forward<'_, f32>) {
    let classes = io.metas()[0].shape.columns();
    let z = io.real(0);
    let rows = rows_per_task(classes);
    chunked(io.output(0), rows, z.len(), |task, y| {
        decide(y, &z[task * rows * classes..], classes, threshold);
    });
}

vectorised! {
    fn decide(y: &mut [f32], z: &[f32], classes: usize, threshold: f32) {
        for (y, row) in y.iter_mut().zip(z.chunks_exact(classes)) {
            let largest = max(row);
            let sum = sum_of(row, |z| math::exp(z - largest));
            *y = if 1.0 / sum >= threshold { 1.0 } else { 0.0 };
        }
    }
}
