//! Figures over several seeds.

use serde::{Deserialize, Serialize};

/// A figure over several seeds: mean, sample standard deviation, number of seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MeanSd {
    /// The arithmetic mean.
    pub mean: f64,
    /// The sample standard deviation (divisor n - 1); none for a single value.
    pub sd: Option<f64>,
    /// How many values.
    pub n: usize,
}

impl MeanSd {
    /// Summarises the values; none if there are none.
    ///
    /// ```
    /// use limbeck_training::metrics::MeanSd;
    /// let summary = MeanSd::of(&[0.25, 0.5, 0.75]).unwrap();
    /// assert_eq!((summary.mean, summary.sd), (0.5, Some(0.25)));
    /// ```
    pub fn of(values: &[f64]) -> Option<Self> {
        let n = values.len();
        if n == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n as f64;
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        let sd = (n > 1).then(|| (squares / (n - 1) as f64).sqrt());
        Some(Self { mean, sd, n })
    }

    /// Summarises `values[i] - baseline[i]`, two arms paired by seed; none if the arms differ in
    /// length or are empty.
    pub fn of_differences(values: &[f64], baseline: &[f64]) -> Option<Self> {
        if values.len() != baseline.len() {
            return None;
        }
        let differences: Vec<f64> = values.iter().zip(baseline).map(|(v, b)| v - b).collect();
        Self::of(&differences)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_sample_deviation() {
        // Squared deviations 4, 0, 4; divided by n - 1 = 2 gives 4.
        let summary = MeanSd::of(&[1.0, 3.0, 5.0]).unwrap();
        assert_eq!(
            summary,
            MeanSd {
                mean: 3.0,
                sd: Some(2.0),
                n: 3
            }
        );
        assert_eq!(MeanSd::of(&[0.5]).unwrap().sd, None);
        assert_eq!(MeanSd::of(&[]), None);
    }

    // A handful of roundings of f64.
    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-15
    }

    #[test]
    fn paired_arms_are_summarised_by_their_differences() {
        let summary = MeanSd::of_differences(&[4.0, 8.0], &[3.0, 5.0]).unwrap();
        assert_eq!((summary.mean, summary.n), (2.0, 2));
        assert!(close(summary.sd.unwrap(), 2f64.sqrt()));
        assert_eq!(MeanSd::of_differences(&[1.0], &[1.0, 2.0]), None);
    }
}
