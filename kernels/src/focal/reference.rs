//! The definition, in f64.

use super::Truth;

/// What a row's classes weigh: q of the formula.
fn weights_of(truth: &Truth<'_, f64>, row: usize, classes: usize) -> Vec<f64> {
    match truth {
        Truth::Labels { labels, weights } => {
            let label = labels[row] as usize;
            let weight = weights.map_or(1.0, |w| w[label]);
            let of = |c| if c == label { weight } else { 0.0 };
            (0..classes).map(of).collect()
        }
        Truth::Targets(q) => q[row * classes..][..classes].to_vec(),
    }
}

/// ln p of every class of a row.
fn ln_p(row: &[f64]) -> Vec<f64> {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = row.iter().map(|z| (z - largest).exp()).sum();
    row.iter().map(|z| z - largest - sum.ln()).collect()
}

/// p ∂/∂p of -(1 - p)^γ ln p. At p = 1 the limit: 0, or -1 without a focus.
fn slope(ln_p: f64, gamma: f64) -> f64 {
    let (p, rest) = (ln_p.exp(), -ln_p.exp_m1());
    if rest == 0.0 {
        return if gamma == 0.0 { -1.0 } else { 0.0 };
    }
    gamma * rest.powf(gamma - 1.0) * p * ln_p - rest.powf(gamma)
}

pub(super) fn forward(
    (classes, gamma): (usize, f64),
    z: &[f64],
    truth: &Truth<'_, f64>,
    loss: &mut [f64],
) {
    for (row, (loss, z)) in loss.iter_mut().zip(z.chunks(classes)).enumerate() {
        let q = weights_of(truth, row, classes);
        let of = |(q, ln_p): (&f64, f64)| -q * (-ln_p.exp_m1()).powf(gamma) * ln_p;
        *loss = q.iter().zip(ln_p(z)).map(of).sum();
    }
}

pub(super) fn backward(
    (classes, gamma): (usize, f64),
    z: &[f64],
    truth: &Truth<'_, f64>,
    dloss: &[f64],
    dz: &mut [f64],
) {
    for (row, g) in dloss.iter().enumerate() {
        let q = weights_of(truth, row, classes);
        let ln_p = ln_p(&z[row * classes..][..classes]);
        // ∂p_c/∂z_k = p_c (1[c = k] - p_k); the factor p_c is in the slope.
        for (c, q) in q.iter().enumerate() {
            let slope = q * slope(ln_p[c], gamma);
            for (k, ln_p) in ln_p.iter().enumerate() {
                let same = if c == k { 1.0 } else { 0.0 };
                dz[row * classes + k] += g * slope * (same - ln_p.exp());
            }
        }
    }
}
