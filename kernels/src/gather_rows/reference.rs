//! The definition, in f64.

use limbeck_engine::{Backward, Forward};

pub(super) fn forward(io: &mut Forward<'_, f64>) {
    let (x, ids, y) = (io.real(0), io.ids(1), io.output(0));
    let columns = io.metas()[0].shape.columns();
    for (j, &id) in ids.iter().enumerate() {
        for c in 0..columns {
            y[j * columns + c] = x[id as usize * columns + c];
        }
    }
}

pub(super) fn backward(io: &mut Backward<'_, f64>) {
    let (order, starts, dy) = (io.ids(2), io.ids(3), io.upstream());
    let shape = io.metas()[0].shape;
    let columns = shape.columns();
    let Some(dx) = io.gradient(0) else { return };
    for row in 0..shape.rows() {
        for &j in &order[starts[row] as usize..starts[row + 1] as usize] {
            for c in 0..columns {
                dx[row * columns + c] += dy[j as usize * columns + c];
            }
        }
    }
}
