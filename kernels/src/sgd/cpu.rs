//! The fast version: one vectorised pass over values, gradients and momentum.

use super::Rates;
use crate::shared::vectorised;

vectorised! {
    pub(super) fn plain(rates: Rates, p: &mut [f32], g: &[f32]) {
        let (factor, decay) = (rates.factor as f32, rates.decay as f32);
        let rate = rates.rate as f32;
        for (p, &g) in p.iter_mut().zip(g) {
            *p -= rate * (factor * g + decay * *p);
        }
    }
}

vectorised! {
    pub(super) fn momentum(rates: Rates, p: &mut [f32], g: &[f32], v: &mut [f32]) {
        let (factor, decay) = (rates.factor as f32, rates.decay as f32);
        let (momentum, rate) = (rates.momentum as f32, rates.rate as f32);
        for ((p, &g), v) in p.iter_mut().zip(g).zip(v) {
            *v = momentum * *v + (factor * g + decay * *p);
            *p -= rate * *v;
        }
    }
}
