//! The definition, in f64.

use limbeck_engine::{Backward, Forward};

use super::{places, total_columns};

pub(super) fn forward(io: &mut Forward<'_, f64>) {
    let (metas, y) = (io.metas(), io.output(0));
    let columns = total_columns(metas);
    for (k, (first, width)) in places(metas).enumerate() {
        for (i, x) in io.real(k).iter().enumerate() {
            y[i / width * columns + first + i % width] = *x;
        }
    }
}

pub(super) fn backward(io: &mut Backward<'_, f64>) {
    let (metas, dy) = (io.metas(), io.upstream());
    let columns = total_columns(metas);
    for (k, (first, width)) in places(metas).enumerate() {
        if let Some(dx) = io.gradient(k) {
            for (i, dx) in dx.iter_mut().enumerate() {
                *dx += dy[i / width * columns + first + i % width];
            }
        }
    }
}
