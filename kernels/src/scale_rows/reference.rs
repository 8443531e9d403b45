//! The definition, in f64.

use limbeck_engine::{Backward, Forward};

use super::{S, X};

pub(super) fn forward(columns: usize, io: &mut Forward<'_, f64>) {
    let (x, s, y) = (io.real(X), io.real(S), io.output(0));
    for r in 0..s.len() {
        for c in 0..columns {
            y[r * columns + c] = s[r] * x[r * columns + c];
        }
    }
}

pub(super) fn backward(columns: usize, io: &mut Backward<'_, f64>) {
    let (x, s, dy) = (io.real(X), io.real(S), io.upstream());
    if let Some(dx) = io.gradient(X) {
        for r in 0..s.len() {
            for c in 0..columns {
                dx[r * columns + c] += s[r] * dy[r * columns + c];
            }
        }
    }
    if let Some(ds) = io.gradient(S) {
        for r in 0..s.len() {
            for c in 0..columns {
                ds[r] += x[r * columns + c] * dy[r * columns + c];
            }
        }
    }
}
