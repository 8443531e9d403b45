//! What is done to a message that finds the gate closed: dropout, Mixup, and a residual.
//!
//! ```text
//! R'   = Dropout_p(R)                            each component 0 with probability p, else R / (1 - p)
//! R_DA = R + (1 - λ) (R' - R)                    Mixup of the two, λ ~ Beta(a, a) folded to max(λ, 1 - λ)
//! Ř    = R + R_DA,  (R + R_DA) / 2,  or the sum normalised
//! ```
//!
//! The Mixup is written as a difference, so that p = 0 gives R_DA = R exactly. Random numbers depend
//! on the update and the text, never on the batch around it.

use limbeck_engine::{Stream, drop_threshold};

use super::options::{GateMixupOptions, Residual};
use crate::config::OffOr;

/// The random numbers of one update.
#[derive(Clone, Copy, Debug)]
pub struct Draws {
    dropout: Stream,
    lambda: Stream,
}

impl Draws {
    /// Those of update `step` of a run.
    pub fn new(seed: u64, step: u64) -> Self {
        let stream = |name| Stream::new(seed, name, step as u32);
        Draws {
            dropout: stream("gate_mixup.dropout"),
            lambda: stream("gate_mixup.lambda"),
        }
    }

    /// λ of a text: as the options fix it, or drawn.
    ///
    /// A draw from Beta(a, a) is X / (X + Y) for the first pair with X + Y ≤ 1 of X = U^(1/a) and
    /// Y = V^(1/a) (Jöhnk 1964).
    pub fn lambda(&self, options: &GateMixupOptions, text: u32) -> f64 {
        if let OffOr::On(lambda) = options.lambda {
            return lambda;
        }
        let power = 1.0 / options.mixup_alpha;
        // A run file allows no a for which more than some seventy pairs are to be expected.
        let drawn = (0..).step_by(2).take(1 << 20).find_map(|position| {
            let [x, y] = [0, 1].map(|i| self.lambda.uniform(text, position + i).powf(power));
            (x + y <= 1.0 && x + y > 0.0).then(|| x / (x + y))
        });
        let lambda = drawn.unwrap_or(1.0);
        lambda.max(1.0 - lambda)
    }

    /// `Dropout_p` of a text's message.
    pub fn dropped(&self, message: &[f32], rate: f64, text: u32) -> Vec<f32> {
        let (threshold, scale) = (drop_threshold(rate), (1.0 / (1.0 - rate)) as f32);
        let component = |(channel, &value): (u32, &f32)| {
            let kept = rate == 0.0 || self.dropout.word(text, 0, channel) >= threshold;
            if kept { value * scale } else { 0.0 }
        };
        (0..).zip(message).map(component).collect()
    }
}

/// `R + (1 - λ) (R' - R)`.
///
/// ```
/// use limbeck_recipes::gate_mixup::mixed;
/// assert_eq!(mixed(&[1.0, 2.0], &[2.0, 0.0], 0.75), [1.25, 1.5]);
/// assert_eq!(mixed(&[0.1, 0.7], &[0.1, 0.7], 0.6), [0.1, 0.7]);
/// ```
pub fn mixed(message: &[f32], other: &[f32], lambda: f64) -> Vec<f32> {
    let share = (1.0 - lambda) as f32;
    let component = |(r, other): (&f32, &f32)| r + share * (other - r);
    message.iter().zip(other).map(component).collect()
}

/// Joins a message and its augmentation.
///
/// ```
/// use limbeck_recipes::gate_mixup::{Residual, joined};
/// assert_eq!(joined(&[1.0, 2.0], &[1.0, 3.0], Residual::Sum), [2.0, 5.0]);
/// assert_eq!(joined(&[1.0, 2.0], &[1.0, 3.0], Residual::Mean), [1.0, 2.5]);
/// ```
pub fn joined(message: &[f32], augmented: &[f32], residual: Residual) -> Vec<f32> {
    let sum = message.iter().zip(augmented).map(|(r, a)| r + a);
    match residual {
        Residual::Sum => sum.collect(),
        Residual::Mean => sum.map(|s| 0.5 * s).collect(),
        Residual::LayerNorm => normalised(&sum.collect::<Vec<_>>()),
    }
}

/// Mean 0 and variance 1 over the components.
fn normalised(vector: &[f32]) -> Vec<f32> {
    const EPSILON: f64 = 1e-5;
    let count = vector.len().max(1) as f64;
    let mean = vector.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
    let variance = vector
        .iter()
        .map(|&v| (f64::from(v) - mean).powi(2))
        .sum::<f64>()
        / count;
    let scale = 1.0 / (variance + EPSILON).sqrt();
    vector
        .iter()
        .map(|&v| ((f64::from(v) - mean) * scale) as f32)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layerwise::Preset;

    const MESSAGE: [f32; 5] = [0.3, -1.7, 0.1, 2.9, 1e-3];

    #[test]
    fn without_dropout_the_closed_output_is_twice_the_message_or_the_message() {
        let draws = Draws::new(1, 7);
        let dropped = draws.dropped(&MESSAGE, 0.0, 3);
        for lambda in [0.5, 0.618, 1.0] {
            let augmented = mixed(&MESSAGE, &dropped, lambda);
            assert_eq!(
                joined(&MESSAGE, &augmented, Residual::Sum),
                MESSAGE.map(|r| 2.0 * r)
            );
            assert_eq!(joined(&MESSAGE, &augmented, Residual::Mean), MESSAGE);
        }
    }

    #[test]
    fn dropout_keeps_the_mean_and_draws_by_text_and_update() {
        let message = vec![1.0; 20_000];
        let dropped = Draws::new(1, 0).dropped(&message, 0.3, 5);
        let zeros = dropped.iter().filter(|v| **v == 0.0).count() as f64 / 20_000.0;
        // Four standard deviations of a share of 20,000.
        assert!(
            (zeros - 0.3).abs() < 4.0 * (0.3f64 * 0.7 / 20_000.0).sqrt(),
            "{zeros}"
        );
        assert!(
            dropped
                .iter()
                .all(|v| *v == 0.0 || (*v - 1.0 / 0.7).abs() < 1e-6)
        );
        assert_eq!(dropped, Draws::new(1, 0).dropped(&message, 0.3, 5));
        assert_ne!(dropped, Draws::new(1, 0).dropped(&message, 0.3, 6));
        assert_ne!(dropped, Draws::new(1, 1).dropped(&message, 0.3, 5));
    }

    #[test]
    fn lambda_follows_its_law() {
        // Of Beta(a, a) the variance is 1 / (4 (2a + 1)); folding keeps squared distances from 1/2.
        for a in [0.5, 1.0, 3.0] {
            let options = GateMixupOptions {
                mixup_alpha: a,
                ..GateMixupOptions::preset(Preset::Tuned)
            };
            let draws = Draws::new(3, 0);
            let values: Vec<f64> = (0..4000).map(|text| draws.lambda(&options, text)).collect();
            assert!(values.iter().all(|l| (0.5..=1.0).contains(l)));
            let spread = values.iter().map(|l| (l - 0.5).powi(2)).sum::<f64>() / 4000.0;
            let expected = 1.0 / (4.0 * (2.0 * a + 1.0));
            assert!(
                (spread / expected - 1.0).abs() < 0.08,
                "{a}: {spread} {expected}"
            );
        }
        let fixed = GateMixupOptions {
            lambda: OffOr::On(0.8),
            ..GateMixupOptions::preset(Preset::Tuned)
        };
        assert_eq!(Draws::new(3, 0).lambda(&fixed, 1), 0.8);
    }

    #[test]
    fn a_normalised_sum_has_mean_zero_and_variance_one() {
        let found = joined(&MESSAGE, &MESSAGE, Residual::LayerNorm);
        let mean = found.iter().sum::<f32>() / 5.0;
        let variance = found.iter().map(|v| v * v).sum::<f32>() / 5.0;
        assert!(mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-4);
    }
}
