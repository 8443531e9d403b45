//! The fast version: blocks of rows.

use limbeck_engine::chunked;

use crate::shared::reduce::{for_row_blocks, rows_per_task, sum_of};
use crate::shared::{math, vectorised};

pub(super) fn forward(classes: usize, z: &[f32], t: &[f32], loss: &mut [f32]) {
    let rows = rows_per_task(classes);
    chunked(loss, rows, z.len(), |task, loss| {
        let start = task * rows * classes;
        let range = start..start + loss.len() * classes;
        losses(loss, &z[range.clone()], &t[range], classes);
    });
}

pub(super) fn backward(classes: usize, z: &[f32], t: &[f32], dloss: &[f32], dz: &mut [f32]) {
    for_row_blocks(dz, classes, |row, dz| {
        let range = row * classes..row * classes + dz.len();
        add_slopes(dz, &z[range.clone()], &t[range], &dloss[row..], classes);
    });
}

vectorised! {
    fn losses(loss: &mut [f32], z: &[f32], t: &[f32], classes: usize) {
        let rows = z.chunks_exact(classes).zip(t.chunks_exact(classes));
        for (loss, (z, t)) in loss.iter_mut().zip(rows) {
            *loss = sum_of((z, t), |(z, t)| {
                let linear = if z > 0.0 { z * (1.0 - t) } else { -z * t };
                linear + math::ln_1p(math::exp(-z.abs()))
            });
        }
    }
}

vectorised! {
    fn add_slopes(dz: &mut [f32], z: &[f32], t: &[f32], dloss: &[f32], classes: usize) {
        let rows = z.chunks_exact(classes).zip(t.chunks_exact(classes));
        for ((dz, &dloss), (z, t)) in dz.chunks_exact_mut(classes).zip(dloss).zip(rows) {
            for ((dz, &z), &t) in dz.iter_mut().zip(z).zip(t) {
                let share = math::sigmoid(-z.abs());
                let slope = if z > 0.0 { (1.0 - t) - share } else { share - t };
                *dz += dloss * slope;
            }
        }
    }
}
