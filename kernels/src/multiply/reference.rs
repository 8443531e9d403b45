//! The definition, in f64.

use limbeck_engine::{Backward, Forward};

pub(super) fn forward(io: &mut Forward<'_, f64>) {
    let (a, b, y) = (io.real(0), io.real(1), io.output(0));
    for i in 0..y.len() {
        y[i] = a[i] * b[i];
    }
}

pub(super) fn backward(io: &mut Backward<'_, f64>) {
    let (a, b, dy) = (io.real(0), io.real(1), io.upstream());
    if let Some(da) = io.gradient(0) {
        for i in 0..dy.len() {
            da[i] += b[i] * dy[i];
        }
    }
    if let Some(db) = io.gradient(1) {
        for i in 0..dy.len() {
            db[i] += a[i] * dy[i];
        }
    }
}
