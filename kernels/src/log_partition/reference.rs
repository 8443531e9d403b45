//! The definition, in f64: all scores of a row, and the logarithm of the sum of their exponentials.

use limbeck_engine::Forward;

use super::Sizes;

pub(super) fn forward(sizes: Sizes, io: &mut Forward<'_, f64>) {
    let Sizes {
        rows,
        words,
        columns,
    } = sizes;
    let (h, w, b, ln_z) = (io.real(0), io.real(1), io.real(2), io.output(0));
    for r in 0..rows {
        let score = |v: usize| {
            let products = (0..columns).map(|c| h[r * columns + c] * w[v * columns + c]);
            b[v] + products.sum::<f64>()
        };
        let scores: Vec<f64> = (0..words).map(score).collect();
        let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // exp(-∞) is 0 also where the largest is -∞, and the difference no number.
        let power = |&score: &f64| match score {
            f64::NEG_INFINITY => 0.0,
            _ => (score - largest).exp(),
        };
        let sum: f64 = scores.iter().map(power).sum();
        ln_z[r] = largest + sum.ln();
    }
}
