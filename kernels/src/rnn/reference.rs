//! The definition of the cell, in f64.

use crate::shared::recurrence::{BackwardRow, ForwardRow};

pub(super) fn forward(row: ForwardRow<'_, f64>) {
    for (u, h) in row.h.iter_mut().enumerate() {
        *h = (row.gates[u] + row.recurrent[u]).tanh();
    }
}

pub(super) fn backward(row: BackwardRow<'_, f64>) {
    for (u, dh) in row.dh.iter_mut().enumerate() {
        row.d_gates[u] = *dh * (1.0 - row.h[u] * row.h[u]);
        *dh = 0.0;
    }
}
