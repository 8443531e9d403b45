//! The definition, in f64.

use super::Rates;

pub(super) fn plain(rates: Rates, p: &mut [f64], g: &[f64]) {
    for i in 0..p.len() {
        let gradient = rates.factor * g[i] + rates.decay * p[i];
        p[i] -= rates.rate * gradient;
    }
}

pub(super) fn momentum(rates: Rates, p: &mut [f64], g: &[f64], v: &mut [f64]) {
    for i in 0..p.len() {
        let gradient = rates.factor * g[i] + rates.decay * p[i];
        v[i] = rates.momentum * v[i] + gradient;
        p[i] -= rates.rate * v[i];
    }
}
