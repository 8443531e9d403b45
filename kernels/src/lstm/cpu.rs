//! The fast version of the cell: one vectorised pass over the units of a row.

use crate::shared::math::{sigmoid, tanh};
use crate::shared::vectorised;

vectorised! {
    pub(super) fn forward(gates: &mut [f32], recurrent: &[f32], c_before: &[f32], c: &mut [f32], h: &mut [f32]) {
        let hidden = h.len();
        let (i, rest) = gates.split_at_mut(hidden);
        let (f, rest) = rest.split_at_mut(hidden);
        let (g, o) = rest.split_at_mut(hidden);
        let (o, recurrent) = (&mut o[..hidden], &recurrent[..4 * hidden]);
        let (c_before, c) = (&c_before[..hidden], &mut c[..hidden]);
        for u in 0..hidden {
            i[u] = sigmoid(i[u] + recurrent[u]);
            f[u] = sigmoid(f[u] + recurrent[hidden + u]);
            g[u] = tanh(g[u] + recurrent[2 * hidden + u]);
            o[u] = sigmoid(o[u] + recurrent[3 * hidden + u]);
            c[u] = f[u] * c_before[u] + i[u] * g[u];
            h[u] = o[u] * tanh(c[u]);
        }
    }
}

vectorised! {
    pub(super) fn backward(kept: (&[f32], &[f32], &[f32]), dh: &mut [f32], dc: &mut [f32], d_gates: &mut [f32]) {
        let hidden = dh.len();
        let (gates, c, c_before) = kept;
        let (gates, c, c_before) = (&gates[..4 * hidden], &c[..hidden], &c_before[..hidden]);
        let (dc, d_gates) = (&mut dc[..hidden], &mut d_gates[..4 * hidden]);
        for u in 0..hidden {
            let (i, f) = (gates[u], gates[hidden + u]);
            let (g, o) = (gates[2 * hidden + u], gates[3 * hidden + u]);
            let tanh_c = tanh(c[u]);
            let through = dc[u] + dh[u] * o * (1.0 - tanh_c * tanh_c);
            d_gates[u] = through * g * i * (1.0 - i);
            d_gates[hidden + u] = through * c_before[u] * f * (1.0 - f);
            d_gates[2 * hidden + u] = through * i * (1.0 - g * g);
            d_gates[3 * hidden + u] = dh[u] * tanh_c * o * (1.0 - o);
            dc[u] = through * f;
            dh[u] = 0.0;
        }
    }
}
