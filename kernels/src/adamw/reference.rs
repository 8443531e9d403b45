//! The definition, in f64.

use super::Rates;

pub(super) fn update(rates: Rates, p: &mut [f64], g: &[f64], [m, v]: [&mut [f64]; 2]) {
    let [b1, b2] = rates.betas;
    for i in 0..p.len() {
        let gradient = rates.factor * g[i];
        m[i] = b1 * m[i] + (1.0 - b1) * gradient;
        v[i] = b2 * v[i] + (1.0 - b2) * gradient * gradient;
        let denominator = v[i].sqrt() * rates.correction + rates.epsilon;
        p[i] -= rates.decay * p[i] + rates.size * m[i] / denominator;
    }
}
