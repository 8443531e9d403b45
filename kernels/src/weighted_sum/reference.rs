//! The definition, in f64.

use limbeck_engine::{Backward, Forward};

use super::WeightedSum;

pub(super) fn forward(operator: &WeightedSum, io: &mut Forward<'_, f64>) {
    let y = io.output(0);
    y.fill(0.0);
    for (k, &factor) in operator.factors.iter().enumerate() {
        for (y, x) in y.iter_mut().zip(io.real(k)) {
            *y += f64::from(factor) * x;
        }
    }
}

pub(super) fn backward(operator: &WeightedSum, io: &mut Backward<'_, f64>) {
    let dy = io.upstream();
    for (k, &factor) in operator.factors.iter().enumerate() {
        if let Some(dx) = io.gradient(k) {
            for (dx, dy) in dx.iter_mut().zip(dy) {
                *dx += f64::from(factor) * dy;
            }
        }
    }
}
