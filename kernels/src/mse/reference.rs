//! The definition, in f64.

pub(super) fn forward(columns: usize, a: &[f64], b: &[f64], loss: &mut [f64]) {
    let rows = a.chunks(columns).zip(b.chunks(columns));
    for (loss, (a, b)) in loss.iter_mut().zip(rows) {
        let squares: f64 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
        *loss = squares / columns as f64;
    }
}

/// Adds the gradient of a (`sign` 1) or of b (`sign` -1).
pub(super) fn backward(
    columns: usize,
    a: &[f64],
    b: &[f64],
    dloss: &[f64],
    sign: f64,
    into: &mut [f64],
) {
    for (i, into) in into.iter_mut().enumerate() {
        *into += sign * dloss[i / columns] * 2.0 / columns as f64 * (a[i] - b[i]);
    }
}
