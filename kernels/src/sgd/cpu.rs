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

vectorised! {
    pub(super) fn averaged(rates: Rates, p: &mut [f32], g: &[f32], sums: &mut [f32], before: f64) {
        let (factor, decay) = (rates.factor as f32, rates.decay as f32);
        let (rate, before) = (rates.rate as f32, before as f32);
        for ((p, &g), sum) in p.iter_mut().zip(g).zip(sums) {
            let update = rate * (factor * g + decay * *p);
            *p -= update;
            *sum += before * update;
        }
    }
}

vectorised! {
    pub(super) fn add_share(mean: &mut [f32], values: &[f32], sums: &[f32], share: f32) {
        for ((mean, value), sum) in mean.iter_mut().zip(values).zip(sums) {
            *mean = value + share * sum;
        }
    }
}
