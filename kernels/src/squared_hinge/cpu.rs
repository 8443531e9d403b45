//! The fast version: blocks of rows.

use limbeck_engine::chunked;

use crate::shared::reduce::{Numbers, for_row_blocks, rows_per_task, sum_of};
use crate::shared::vectorised;

/// max(0, x), which keeps NaN.
#[inline(always)]
fn positive(x: f32) -> f32 {
    if x <= 0.0 { 0.0 } else { x }
}

pub(super) fn forward(classes: usize, z: &[f32], labels: &[u32], loss: &mut [f32]) {
    let rows = rows_per_task(classes);
    chunked(loss, rows, z.len(), |task, loss| {
        let first = task * rows;
        let z = &z[first * classes..(first + loss.len()) * classes];
        losses(loss, z, &labels[first..], classes);
    });
}

pub(super) fn backward(classes: usize, z: &[f32], labels: &[u32], dloss: &[f32], dz: &mut [f32]) {
    for_row_blocks(dz, classes, |row, dz| {
        let z = &z[row * classes..row * classes + dz.len()];
        add_slopes(dz, z, &labels[row..], &dloss[row..], classes);
    });
}

vectorised! {
    fn losses(loss: &mut [f32], z: &[f32], labels: &[u32], classes: usize) {
        for ((loss, z), &label) in loss.iter_mut().zip(z.chunks_exact(classes)).zip(labels) {
            *loss = sum_of((z, Numbers), |(z, class)| {
                let sign = if class == label { 1.0 } else { -1.0 };
                let short = positive(1.0 - sign * z);
                short * short
            });
        }
    }
}

vectorised! {
    fn add_slopes(dz: &mut [f32], z: &[f32], labels: &[u32], dloss: &[f32], classes: usize) {
        let rows = z.chunks_exact(classes).zip(labels.iter().zip(dloss));
        for (dz, (z, (&label, &dloss))) in dz.chunks_exact_mut(classes).zip(rows) {
            for (c, (dz, &z)) in dz.iter_mut().zip(z).enumerate() {
                let sign = if c == label as usize { 1.0 } else { -1.0 };
                *dz -= 2.0 * dloss * sign * positive(1.0 - sign * z);
            }
        }
    }
}
