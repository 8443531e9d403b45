//! The fast version of the cell.

use crate::shared::math::tanh;
use crate::shared::vectorised;

vectorised! {
    pub(super) fn forward(gates: &[f32], recurrent: &[f32], h: &mut [f32]) {
        for ((h, a), r) in h.iter_mut().zip(gates).zip(recurrent) {
            *h = tanh(a + r);
        }
    }
}

vectorised! {
    pub(super) fn backward(h: &[f32], dh: &mut [f32], d_gates: &mut [f32]) {
        for ((da, h), dh) in d_gates.iter_mut().zip(h).zip(dh) {
            *da = *dh * (1.0 - h * h);
            *dh = 0.0;
        }
    }
}
