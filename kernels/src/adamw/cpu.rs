//! The fast version: one vectorised pass over values, gradients and both moments.

use super::Rates;
use crate::shared::vectorised;

vectorised! {
    pub(super) fn update(rates: Rates, p: &mut [f32], g: &[f32], moments: [&mut [f32]; 2]) {
        let [m, v] = moments;
        let [b1, b2] = rates.betas.map(|beta| beta as f32);
        let [rest1, rest2] = rates.betas.map(|beta| (1.0 - beta) as f32);
        let (factor, decay) = (rates.factor as f32, rates.decay as f32);
        let (correction, epsilon) = (rates.correction as f32, rates.epsilon as f32);
        let size = rates.size as f32;
        for (((p, &g), m), v) in p.iter_mut().zip(g).zip(m).zip(v) {
            let gradient = factor * g;
            *m = b1 * *m + rest1 * gradient;
            *v = b2 * *v + rest2 * (gradient * gradient);
            let denominator = v.sqrt() * correction + epsilon;
            *p -= decay * *p + size * (*m / denominator);
        }
    }
}
