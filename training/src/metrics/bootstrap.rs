//! How far a figure would move on another test set of the same size: the bootstrap.
//!
//! A draw takes as many samples as there are, each time any of them, and the figure is computed again.
//! The spread of the figure over the draws stands for its spread over test sets (Efron, "Bootstrap
//! methods: another look at the jackknife", 1979). The interval reaches from the 2.5th to the 97.5th
//! percentile of the draws (Efron and Tibshirani, "An introduction to the bootstrap", 1993, ch. 13).
//!
//! Two models that answered the same samples are compared on the same draws. Under the hypothesis that
//! they are equally good, the differences of the draws lie around 0 as they now lie around the difference
//! that was found (ibid., ch. 16; Noreen, "Computer-intensive methods for testing hypotheses", 1989):
//!
//! ```text
//! p = (1 + #{b : |d_b - d| >= |d|}) / (1 + draws)
//! ```

use limbeck_engine::Stream;
use serde::Serialize;

/// Draws of a bootstrap.
pub const DRAWS: u32 = 1000;

/// Share of the draws below an interval, and above it.
const TAIL: f64 = 0.025;

/// Where a figure lies in 95 % of the draws.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The 2.5th percentile.
    pub low: f64,
    /// The 97.5th percentile.
    pub high: f64,
}

impl Interval {
    /// Of the figures of the draws: of n in ascending order, those at `⌊0.025 (n + 1)⌋` from either end,
    /// counted from 1. None of fewer than 39, which have no such place, or if one is not a number.
    ///
    /// ```
    /// use limbeck_training::metrics::Interval;
    /// let draws: Vec<f64> = (1..=999).rev().map(f64::from).collect();
    /// assert_eq!(Interval::of(&draws), Some(Interval { low: 25.0, high: 975.0 }));
    /// ```
    pub fn of(draws: &[f64]) -> Option<Self> {
        let place = (TAIL * (draws.len() + 1) as f64) as usize;
        if place == 0 || draws.iter().any(|figure| figure.is_nan()) {
            return None;
        }
        let mut sorted = draws.to_vec();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            low: sorted[place - 1],
            high: sorted[sorted.len() - place],
        })
    }
}

/// The samples of draw number `draw` of a set of `samples`: as many numbers below `samples`. They are
/// counters of Philox, so that two models judged on the same set get the same draws, in whatever report.
///
/// ```
/// use limbeck_training::metrics::resample;
/// let draw = resample(5, 0);
/// assert_eq!(draw.len(), 5);
/// assert!(draw.iter().all(|&sample| sample < 5));
/// assert_eq!(draw, resample(5, 0));
/// ```
pub fn resample(samples: usize, draw: u32) -> Vec<usize> {
    let stream = Stream::new(0, "bootstrap", draw);
    let blocks = 0..samples.div_ceil(4) as u32;
    let words = blocks.flat_map(|block| stream.block(block, 0, 0));
    // Multiply and take the high half: the bias is below samples / 2^32.
    let below = |word: u32| ((u64::from(word) * samples as u64) >> 32) as usize;
    words.take(samples).map(below).collect()
}

/// Two models on the same draws.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PairedBootstrap {
    /// The figure of the one less that of the other.
    pub difference: f64,
    /// Where the difference lies in 95 % of the draws; none with too few.
    pub interval: Option<Interval>,
    /// How often a difference at least as large would come about between equally good models, in either
    /// direction.
    pub p: f64,
}

impl PairedBootstrap {
    /// From the difference that was found and those of the draws.
    ///
    /// ```
    /// use limbeck_training::metrics::PairedBootstrap;
    /// // Around 0.2, as far away as 0.2 are the draws 0.0 and 0.5.
    /// let test = PairedBootstrap::of(0.2, &[0.0, 0.1, 0.2, 0.3, 0.5]);
    /// assert_eq!(test.p, 3.0 / 6.0);
    /// ```
    pub fn of(difference: f64, draws: &[f64]) -> Self {
        // A draw that repeats the difference with another rounding is as far away.
        let reach = difference.abs() * (1.0 - 1e-12);
        let far = |draw: &&f64| (**draw - difference).abs() >= reach;
        let far = draws.iter().filter(far).count();
        Self {
            difference,
            interval: Interval::of(draws),
            p: (1 + far) as f64 / (1 + draws.len()) as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_needs_39_draws_and_numbers() {
        let draws: Vec<f64> = (0..39).map(f64::from).collect();
        let ends = Interval {
            low: 0.0,
            high: 38.0,
        };
        assert_eq!(Interval::of(&draws), Some(ends));
        assert_eq!(Interval::of(&draws[..38]), None);
        assert_eq!(Interval::of(&[f64::NAN; 100]), None);
    }

    #[test]
    fn the_mean_of_two_samples_has_the_distribution_one_counts_by_hand() {
        // Of 0 and 1, four equally likely draws have the means 0, 1/2, 1/2 and 1.
        let mut counts = [0; 3];
        for draw in 0..DRAWS {
            counts[resample(2, draw).iter().sum::<usize>()] += 1;
        }
        // Standard deviations of the counts: 13.7, 15.8, 13.7; four of them are allowed.
        for (count, expected) in counts.into_iter().zip([250i32, 500, 250]) {
            assert!((i32::abs(count - expected)) < 64, "{counts:?}");
        }
    }

    #[test]
    fn every_sample_is_drawn_as_often_as_any_other() {
        let mut counts = [0i32; 7];
        for sample in (0..DRAWS).flat_map(|draw| resample(7, draw)) {
            counts[sample] += 1;
        }
        // 7,000 numbers: 1,000 each with a standard deviation of 29.3; four of them are allowed.
        for count in counts {
            assert!((count - 1000).abs() < 118, "{counts:?}");
        }
        assert_ne!(resample(7, 0), resample(7, 1));
        assert!(resample(0, 3).is_empty());
    }

    #[test]
    fn equal_models_are_never_told_apart() {
        assert_eq!(PairedBootstrap::of(0.0, &[0.0; 99]).p, 1.0);
        // All draws are where the difference is: none is as far away from it as 0 is.
        assert_eq!(PairedBootstrap::of(0.5, &[0.5; 99]).p, 0.01);
    }
}
