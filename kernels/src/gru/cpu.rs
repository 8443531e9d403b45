//! The fast version of the cell: one vectorised pass over the units of a row.

use crate::shared::math::{sigmoid, tanh};
use crate::shared::vectorised;

vectorised! {
    pub(super) fn forward(gates: &mut [f32], before: (&[f32], &[f32], &[f32]), m: &mut [f32], h: &mut [f32]) {
        let hidden = h.len();
        let (recurrent, h_before, bias) = before;
        let (recurrent, h_before, bias) = (&recurrent[..3 * hidden], &h_before[..hidden], &bias[..hidden]);
        let (r, rest) = gates.split_at_mut(hidden);
        let (z, n) = rest.split_at_mut(hidden);
        let (n, m) = (&mut n[..hidden], &mut m[..hidden]);
        for u in 0..hidden {
            r[u] = sigmoid(r[u] + recurrent[u]);
            z[u] = sigmoid(z[u] + recurrent[hidden + u]);
            m[u] = recurrent[2 * hidden + u] + bias[u];
            n[u] = tanh(n[u] + r[u] * m[u]);
            h[u] = (1.0 - z[u]) * n[u] + z[u] * h_before[u];
        }
    }
}

vectorised! {
    pub(super) fn backward(kept: (&[f32], &[f32], &[f32]), dh: &mut [f32], d_gates: &mut [f32], d_recurrent: &mut [f32]) {
        let hidden = dh.len();
        let (gates, m, h_before) = kept;
        let (gates, m, h_before) = (&gates[..3 * hidden], &m[..hidden], &h_before[..hidden]);
        let (d_gates, d_recurrent) = (&mut d_gates[..3 * hidden], &mut d_recurrent[..3 * hidden]);
        for u in 0..hidden {
            let (r, z, n) = (gates[u], gates[hidden + u], gates[2 * hidden + u]);
            let da_n = dh[u] * (1.0 - z) * (1.0 - n * n);
            let da_r = da_n * m[u] * r * (1.0 - r);
            let da_z = dh[u] * (h_before[u] - n) * z * (1.0 - z);
            d_gates[u] = da_r;
            d_gates[hidden + u] = da_z;
            d_gates[2 * hidden + u] = da_n;
            d_recurrent[u] = da_r;
            d_recurrent[hidden + u] = da_z;
            d_recurrent[2 * hidden + u] = da_n * r;
            dh[u] *= z;
        }
    }
}
