//! The definition, in f64.

use limbeck_engine::{Backward, Forward};

use super::Dropout;

/// m_rc.
fn mask(operator: &Dropout, coordinates: &[u32], row: usize, channel: usize) -> f64 {
    let (sample, position) = (coordinates[2 * row], coordinates[2 * row + 1]);
    let word = operator.stream.word(sample, position, channel as u32);
    if word < operator.threshold {
        0.0
    } else {
        f64::from(operator.scale)
    }
}

/// m x, but 0 where x is dropped and not finite.
fn masked(mask: f64, x: f64) -> f64 {
    if mask == 0.0 { 0.0 } else { mask * x }
}

pub(super) fn forward(operator: &Dropout, io: &mut Forward<'_, f64>) {
    let (x, coordinates, y) = (io.real(0), io.ids(1), io.output(0));
    let columns = io.metas()[0].shape.columns();
    for i in 0..x.len() {
        let residual = if operator.residual {
            io.real(2)[i]
        } else {
            0.0
        };
        let mask = mask(operator, coordinates, i / columns, i % columns);
        y[i] = residual + masked(mask, x[i]);
    }
}

pub(super) fn backward(operator: &Dropout, io: &mut Backward<'_, f64>) {
    let (coordinates, dy) = (io.ids(1), io.upstream());
    let columns = io.metas()[0].shape.columns();
    if let Some(dx) = io.gradient(0) {
        for i in 0..dy.len() {
            let mask = mask(operator, coordinates, i / columns, i % columns);
            dx[i] += masked(mask, dy[i]);
        }
    }
    if let Some(dr) = io.gradient(2) {
        for i in 0..dy.len() {
            dr[i] += dy[i];
        }
    }
}
