//! The definition, in f64.

pub(super) fn forward(columns: usize, a: &[f64], b: &[f64], loss: &mut [f64]) {
    let rows = a.chunks(columns).zip(b.chunks(columns));
    for (loss, (a, b)) in loss.iter_mut().zip(rows) {
        let differences: f64 = a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum();
        *loss = differences / columns as f64;
    }
}

/// Adds the gradient of `a`; that of b is the same with both exchanged.
pub(super) fn backward(columns: usize, a: &[f64], b: &[f64], dloss: &[f64], into: &mut [f64]) {
    for (i, into) in into.iter_mut().enumerate() {
        let difference = a[i] - b[i];
        if difference != 0.0 {
            *into += dloss[i / columns] / columns as f64 * difference.signum();
        }
    }
}
