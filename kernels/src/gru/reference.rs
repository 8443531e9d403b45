//! The definition of the cell, in f64.

use crate::shared::recurrence::{BackwardRow, ForwardRow};

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

pub(super) fn forward(row: ForwardRow<'_, f64>) {
    let hidden = row.h.len();
    for u in 0..hidden {
        let [a_r, a_z, a_n] = [0, 1, 2].map(|gate| row.gates[gate * hidden + u]);
        let [r_r, r_z, r_n] = [0, 1, 2].map(|gate| row.recurrent[gate * hidden + u]);
        let (r, z) = (sigmoid(a_r + r_r), sigmoid(a_z + r_z));
        let m = r_n + row.extra[u];
        let n = (a_n + r * m).tanh();
        row.h[u] = (1.0 - z) * n + z * row.h_before[u];
        row.beside[u] = m;
        for (gate, value) in [r, z, n].into_iter().enumerate() {
            row.gates[gate * hidden + u] = value;
        }
    }
}

pub(super) fn backward(row: BackwardRow<'_, f64>) {
    let hidden = row.h.len();
    for u in 0..hidden {
        let [r, z, n] = [0, 1, 2].map(|gate| row.gates[gate * hidden + u]);
        let (m, dh) = (row.beside[u], row.dh[u]);
        let da_n = dh * (1.0 - z) * (1.0 - n * n);
        let da_r = da_n * m * r * (1.0 - r);
        let da_z = dh * (row.h_before[u] - n) * z * (1.0 - z);
        for (gate, (da, dr)) in [(da_r, da_r), (da_z, da_z), (da_n, da_n * r)]
            .into_iter()
            .enumerate()
        {
            row.d_gates[gate * hidden + u] = da;
            row.d_recurrent[gate * hidden + u] = dr;
        }
        row.dh[u] = dh * z;
    }
}
