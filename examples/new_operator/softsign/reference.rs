//! The definition, in f64.

use limbeck::engine::{Backward, Forward};

pub(super) fn forward(io: &mut Forward<'_, f64>) {
    let (x, y) = (io.real(0), io.output(0));
    for i in 0..y.len() {
        y[i] = x[i] / (1.0 + x[i].abs());
    }
}

pub(super) fn backward(io: &mut Backward<'_, f64>) {
    let (x, dy) = (io.real(0), io.upstream());
    if let Some(dx) = io.gradient(0) {
        for i in 0..dx.len() {
            dx[i] += dy[i] / ((1.0 + x[i].abs()) * (1.0 + x[i].abs()));
        }
    }
}
