//! Whether a model is right as often as it claims.

/// Bins of the reliability diagram, as in Guo et al. 2017.
const BINS: usize = 15;

/// Decisions of like confidence.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Bin {
    /// How many there are.
    pub count: u64,
    /// Their mean confidence; 0 if there are none.
    pub confidence: f64,
    /// The share of them that is right; 0 if there are none.
    pub accuracy: f64,
}

/// The reliability diagram of a classifier and its expected calibration error (Naeini, Cooper and
/// Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", 2015; Guo et al., "On
/// calibration of modern neural networks", 2017). The confidence of a decision is the probability that
/// the model gives it; 15 bins of equal width divide the decisions, bin m of M those with a confidence
/// in `((m - 1) / M, m / M]`:
///
/// ```text
/// ECE = Σ_m count_m / n |accuracy_m - confidence_m|
/// ```
///
/// ```
/// use limbeck_training::metrics::Calibration;
/// // Sure of all four, right in three.
/// let calibration = Calibration::of([1.0; 4].into_iter().zip([true, true, true, false]));
/// assert_eq!(calibration.expected_error(), 0.25);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    bins: [Bin; BINS],
}

impl Calibration {
    /// From the confidence of each decision, between 0 and 1, and whether it is right.
    pub fn of(decisions: impl IntoIterator<Item = (f64, bool)>) -> Self {
        let mut bins = [Bin::default(); BINS];
        for (confidence, right) in decisions {
            let place = (confidence * BINS as f64).ceil() as usize;
            let bin = &mut bins[place.clamp(1, BINS) - 1];
            bin.count += 1;
            bin.confidence += confidence;
            bin.accuracy += f64::from(u8::from(right));
        }
        for bin in bins.iter_mut().filter(|bin| bin.count > 0) {
            bin.confidence /= bin.count as f64;
            bin.accuracy /= bin.count as f64;
        }
        Self { bins }
    }

    /// The bins, from no confidence to certainty.
    pub fn bins(&self) -> &[Bin] {
        &self.bins
    }

    /// The expected calibration error; 0 without decisions.
    pub fn expected_error(&self) -> f64 {
        let all: u64 = self.bins.iter().map(|bin| bin.count).sum();
        let gap = |bin: &Bin| bin.count as f64 * (bin.accuracy - bin.confidence).abs();
        self.bins.iter().map(gap).sum::<f64>() / all.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expected_error_agrees_with_a_calculation_by_hand() {
        let calibration = Calibration::of([
            (0.90, true), // bin 14: 0.867 to 0.933
            (0.92, false),
            (0.60, true), // bin 9: 0.533 to 0.6, the upper end included
            (0.55, true),
            (0.20, false), // bin 3
        ]);
        let counts: Vec<u64> = calibration.bins().iter().map(|bin| bin.count).collect();
        assert_eq!(counts, [0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0]);
        // 2/5 |0.5 - 0.91| + 2/5 |1 - 0.575| + 1/5 |0 - 0.2| = 0.164 + 0.17 + 0.04
        let error = calibration.expected_error();
        assert!((error - 0.374).abs() < 1e-12, "{error}");
    }

    #[test]
    fn the_ends_have_their_bins_and_nothing_is_calibrated() {
        let calibration = Calibration::of([(0.0, false), (1.0, true)]);
        let bins = calibration.bins();
        assert_eq!((bins[0].count, bins[BINS - 1].count), (1, 1));
        assert_eq!(calibration.expected_error(), 0.0);
        assert_eq!(Calibration::of([]).expected_error(), 0.0);
    }
}
