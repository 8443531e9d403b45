//! The sign test of two models on the same samples.

use serde::Serialize;

/// How often the one was better and how often the other, and how likely that is by chance.
///
/// Samples on which both are as good say nothing. Under the hypothesis that either is as likely to be
/// better, the number of those on which the first is follows a binomial distribution with probability
/// 1/2, of which both tails are summed (Dixon and Mood, "The statistical sign test", 1946):
///
/// ```text
/// n = better + worse     p = min(1, 2^(1 - n) Σ_(k = 0 .. min(better, worse)) (n choose k))
/// ```
///
/// Where a sample is right or wrong, this is the exact form of the test of McNemar ("Note on the sampling
/// error of the difference between correlated proportions or percentages", 1947).
///
/// ```
/// use limbeck_training::metrics::SignTest;
/// // 2 (1 + 10) / 2^10.
/// assert!((SignTest::of(1, 9).p - 22.0 / 1024.0).abs() < 1e-12);
/// assert_eq!(SignTest::of(0, 0).p, 1.0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SignTest {
    /// Samples on which the first is better.
    pub better: u64,
    /// Samples on which it is worse.
    pub worse: u64,
    /// The probability of a division at least as uneven, in either direction.
    pub p: f64,
}

impl SignTest {
    /// From the counts.
    pub fn of(better: u64, worse: u64) -> Self {
        let (all, fewer) = ((better + worse) as f64, better.min(worse));
        // Logarithms, for 2^-n is 0 in f64 from n = 1,075 on.
        let mut term = (1.0 - all) * std::f64::consts::LN_2;
        let mut p = term.exp();
        for k in 1..=fewer {
            term += ((all - k as f64 + 1.0) / k as f64).ln();
            p += term.exp();
        }
        Self {
            better,
            worse,
            p: p.min(1.0),
        }
    }

    /// From the scores of both, sample by sample: the higher is the better.
    pub fn of_scores(first: &[f64], second: &[f64]) -> Self {
        let pairs = || first.iter().zip(second);
        let better = pairs().filter(|(a, b)| a > b).count();
        let worse = pairs().filter(|(a, b)| a < b).count();
        Self::of(better as u64, worse as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_the_binomial_distribution() {
        // Sums of binomial coefficients by hand.
        let cases = [
            (3, 9, 598.0 / 4096.0), // 2 (1 + 12 + 66 + 220)
            (9, 3, 598.0 / 4096.0),
            (0, 10, 2.0 / 1024.0),
            (0, 1, 1.0),
            (5, 5, 1.0),
            (2, 4, 44.0 / 64.0), // 2 (1 + 6 + 15)
        ];
        for (better, worse, p) in cases {
            let found = SignTest::of(better, worse).p;
            // A dozen roundings of exp and ln.
            assert!((found - p).abs() < 1e-13, "{better} {worse}: {found}");
        }
    }

    #[test]
    fn large_counts_follow_the_normal_distribution() {
        // z = (5100 - 5000 - 1/2) / 50 = 1.99 with the correction for continuity: p = 0.04659.
        let p = SignTest::of(5100, 4900).p;
        assert!((p - 0.046_59).abs() < 1e-4, "{p}");
        assert!(SignTest::of(0, 5000).p < 1e-300);
    }

    #[test]
    fn ties_do_not_count() {
        let test = SignTest::of_scores(&[1.0, 0.0, 1.0, 0.5], &[0.0, 0.0, 1.0, 0.75]);
        assert_eq!((test.better, test.worse, test.p), (1, 1, 1.0));
    }
}
