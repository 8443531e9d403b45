//! The definition, in f64.

/// ln p of every class of a row.
fn ln_p(row: &[f64]) -> Vec<f64> {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = row.iter().map(|z| (z - largest).exp()).sum();
    row.iter().map(|z| z - largest - sum.ln()).collect()
}

fn weight(weights: Option<&[f64]>, label: usize) -> f64 {
    weights.map_or(1.0, |w| w[label])
}

pub(super) fn forward(
    classes: usize,
    z: &[f64],
    labels: &[u32],
    weights: Option<&[f64]>,
    loss: &mut [f64],
) {
    for ((loss, row), &label) in loss.iter_mut().zip(z.chunks(classes)).zip(labels) {
        let label = label as usize;
        *loss = -weight(weights, label) * ln_p(row)[label];
    }
}

pub(super) fn backward(
    classes: usize,
    z: &[f64],
    labels: &[u32],
    weights: Option<&[f64]>,
    dloss: &[f64],
    dz: &mut [f64],
) {
    for (i, &label) in labels.iter().enumerate() {
        let (label, at) = (label as usize, i * classes);
        let ln_p = ln_p(&z[at..at + classes]);
        for (c, ln_p) in ln_p.iter().enumerate() {
            let truth = if c == label { 1.0 } else { 0.0 };
            dz[at + c] += dloss[i] * weight(weights, label) * (ln_p.exp() - truth);
        }
    }
}
