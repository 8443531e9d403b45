//! The max-shifted log-softmax of a row, for every loss that starts from logits.
//!
//! ```text
//! ln p_c = (z_c - m) / τ - ln Σ_k exp((z_k - m) / τ)        m = max_k z_k
//! ```
//!
//! The difference to the largest logit comes first: it is exact where it matters, so that logits
//! of any size, and any temperature, neither overflow nor lose digits.

use super::{math, reduce};

/// What turns a row of logits into logarithms of probabilities.
#[derive(Clone, Copy)]
pub(crate) struct Shift {
    /// m.
    pub(crate) largest: f32,
    /// ln Σ exp((z - m) / τ).
    pub(crate) ln_sum: f32,
}

impl Shift {
    /// The shift of a row at the temperature `1 / inverse_temperature`.
    #[inline(always)]
    pub(crate) fn of(row: &[f32], inverse_temperature: f32) -> Self {
        let largest = reduce::max(row);
        let sum = reduce::sum_of(row, |z| math::exp((z - largest) * inverse_temperature));
        Shift {
            largest,
            ln_sum: math::ln(sum),
        }
    }

    /// ln p of a logit of that row.
    #[inline(always)]
    pub(crate) fn ln_p(self, z: f32, inverse_temperature: f32) -> f32 {
        (z - self.largest) * inverse_temperature - self.ln_sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_sum_to_one_at_any_size_and_temperature() {
        for (scale, inverse_temperature) in [(1.0, 1.0), (1e4, 0.5), (80.0, 2.5), (1e-3, 0.1)] {
            let row: Vec<f32> = (0..37)
                .map(|i| scale * ((i * 7 % 11) as f32 - 5.0))
                .collect();
            let shift = Shift::of(&row, inverse_temperature);
            let probability = |&z: &f32| math::exp(shift.ln_p(z, inverse_temperature));
            let sum: f32 = row.iter().map(probability).sum();
            // 37 additions of numbers below one, each rounded once.
            assert!(
                (sum - 1.0).abs() < 2e-6,
                "{scale}, {inverse_temperature}: {sum}"
            );
        }
    }
}
