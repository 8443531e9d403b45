//! The definition, in f64.

use limbeck_engine::{Backward, Forward};

use super::Slice;

pub(super) fn forward(operator: &Slice, io: &mut Forward<'_, f64>) {
    let (x, y) = (io.real(0), io.output(0));
    let columns = io.metas()[0].shape.columns();
    for (i, y) in y.iter_mut().enumerate() {
        let (row, column) = (i / operator.width, i % operator.width);
        *y = x[row * columns + operator.first + column];
    }
}

pub(super) fn backward(operator: &Slice, io: &mut Backward<'_, f64>) {
    let dy = io.upstream();
    let columns = io.metas()[0].shape.columns();
    if let Some(dx) = io.gradient(0) {
        for (i, dy) in dy.iter().enumerate() {
            let (row, column) = (i / operator.width, i % operator.width);
            dx[row * columns + operator.first + column] += dy;
        }
    }
}
