//! The definition of the cell, in f64.

use crate::shared::recurrence::{BackwardRow, ForwardRow};

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

pub(super) fn forward(row: ForwardRow<'_, f64>) {
    let hidden = row.h.len();
    for u in 0..hidden {
        let a = |gate: usize| row.gates[gate * hidden + u] + row.recurrent[gate * hidden + u];
        let (i, f, g, o) = (sigmoid(a(0)), sigmoid(a(1)), a(2).tanh(), sigmoid(a(3)));
        let c = f * row.extra[u] + i * g;
        row.beside[u] = c;
        row.h[u] = o * c.tanh();
        for (gate, value) in [i, f, g, o].into_iter().enumerate() {
            row.gates[gate * hidden + u] = value;
        }
    }
}

pub(super) fn backward(row: BackwardRow<'_, f64>) {
    let hidden = row.h.len();
    for u in 0..hidden {
        let [i, f, g, o] = [0, 1, 2, 3].map(|gate| row.gates[gate * hidden + u]);
        let tanh_c = row.beside[u].tanh();
        let dc = row.dc[u] + row.dh[u] * o * (1.0 - tanh_c * tanh_c);
        row.d_gates[u] = dc * g * i * (1.0 - i);
        row.d_gates[hidden + u] = dc * row.extra[u] * f * (1.0 - f);
        row.d_gates[2 * hidden + u] = dc * i * (1.0 - g * g);
        row.d_gates[3 * hidden + u] = row.dh[u] * tanh_c * o * (1.0 - o);
        row.dc[u] = dc * f;
        row.dh[u] = 0.0;
    }
}
