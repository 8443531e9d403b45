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

pub(super) fn averaged(rates: Rates, p: &mut [f64], g: &[f64], sums: &mut [f64], before: f64) {
    for i in 0..p.len() {
        let gradient = rates.factor * g[i] + rates.decay * p[i];
        let update = rates.rate * gradient;
        p[i] -= update;
        sums[i] += before * update;
    }
}

pub(super) fn add_share(mean: &mut [f64], values: &[f64], sums: &[f64], share: f64) {
    for i in 0..mean.len() {
        mean[i] = values[i] + share * sums[i];
    }
}
