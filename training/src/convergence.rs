//! When a loss has converged: it is below a set value, or it has not decreased for many evaluations.

use serde::{Deserialize, Serialize};

/// The rule of CN115374278A, with its free parameters named.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConvergenceOptions {
    /// A smoothed loss below this has converged; none for no such value.
    pub loss_below: Option<f64>,
    /// Evaluations of the loss without a decrease after which it has converged.
    pub patience: u64,
    /// A decrease is more than this.
    pub min_delta: f64,
    /// Share of the old value in the running mean that is judged; 0 judges every loss as it is.
    pub smoothing: f64,
    /// A loss that no longer decreases has converged only if it is at most this; none for any.
    pub plateau_max: Option<f64>,
}

/// Watches the losses of a stage, one an update. The whole of it belongs into the checkpoint.
///
/// ```
/// use limbeck_training::convergence::{Convergence, ConvergenceOptions};
/// let options = ConvergenceOptions {
///     loss_below: None,
///     patience: 3,
///     min_delta: 1e-4,
///     smoothing: 0.0,
///     plateau_max: None,
/// };
/// let mut rule = Convergence::new(options);
/// let converged: Vec<bool> = [1.0, 0.5, 0.5, 0.5, 0.5].map(|loss| rule.observe(loss)).into();
/// assert_eq!(converged, [false, false, false, false, true]);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Convergence {
    options: ConvergenceOptions,
    /// The running mean, and how much of it is made of losses: 1 - smoothing^n.
    mean: f64,
    weight: f64,
    /// The lowest running mean; none yet.
    lowest: Option<f64>,
    since_lowest: u64,
    converged: bool,
}

impl Convergence {
    /// A rule that has seen no loss.
    pub fn new(options: ConvergenceOptions) -> Self {
        Self {
            options,
            mean: 0.0,
            weight: 0.0,
            lowest: None,
            since_lowest: 0,
            converged: false,
        }
    }

    /// Takes note of the loss of the next update; whether the rule is met, now or earlier.
    pub fn observe(&mut self, loss: f64) -> bool {
        let keep = self.options.smoothing;
        self.mean = keep * self.mean + (1.0 - keep) * loss;
        self.weight = keep * self.weight + (1.0 - keep);
        let smoothed = self.mean / self.weight;
        let decreased = |lowest: f64| smoothed < lowest - self.options.min_delta;
        if self.lowest.is_none_or(decreased) {
            self.lowest = Some(smoothed);
            self.since_lowest = 0;
        } else {
            self.since_lowest += 1;
        }
        let low = self
            .options
            .loss_below
            .is_some_and(|bound| smoothed < bound);
        let flat = self.since_lowest >= self.options.patience;
        let small = self
            .options
            .plateau_max
            .is_none_or(|bound| smoothed <= bound);
        self.converged |= low || (flat && small);
        self.converged
    }

    /// Whether the rule has been met.
    pub fn is_met(&self) -> bool {
        self.converged
    }

    /// The running mean of the losses; none before the first.
    pub fn smoothed(&self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.mean / self.weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> ConvergenceOptions {
        ConvergenceOptions {
            loss_below: None,
            patience: 500,
            min_delta: 1e-4,
            smoothing: 0.0,
            plateau_max: None,
        }
    }

    /// The number of the loss, from 1, at which the rule is met.
    fn met(options: ConvergenceOptions, losses: impl Iterator<Item = f64>) -> Option<usize> {
        let mut rule = Convergence::new(options);
        let place = { losses }.position(|loss| rule.observe(loss));
        place.map(|place| place + 1)
    }

    #[test]
    fn a_loss_that_flattens_at_n_has_converged_at_n_and_500() {
        for n in [1, 2, 77, 900] {
            let losses = (1..=5000).map(|i| 3.0 - 0.001 * f64::from(i.min(n)));
            assert_eq!(met(rule(), losses), Some(n as usize + 500));
        }
    }

    #[test]
    fn a_loss_that_decreases_has_not_converged() {
        let losses = (0..20_000).map(|i| 10.0 - 0.0002 * f64::from(i));
        assert_eq!(met(rule(), losses.clone()), None);
        let smoothed = ConvergenceOptions {
            smoothing: 0.98,
            ..rule()
        };
        assert_eq!(met(smoothed, losses), None);
    }

    #[test]
    fn steps_smaller_than_the_least_delta_are_no_decrease_until_they_add_up() {
        let options = ConvergenceOptions {
            patience: 3,
            ..rule()
        };
        let slow = |step: f64| (0..100).map(move |i| 1.0 - step * f64::from(i));
        assert_eq!(met(options, slow(0.4e-4)), None);
        assert_eq!(met(options, slow(0.3e-4)), Some(4));
    }

    #[test]
    fn a_low_loss_has_converged_at_once_and_a_high_plateau_never() {
        let low = ConvergenceOptions {
            loss_below: Some(0.5),
            ..rule()
        };
        assert_eq!(met(low, [0.9, 0.5, 0.4].into_iter()), Some(3));
        let bounded = ConvergenceOptions {
            patience: 2,
            plateau_max: Some(0.7),
            ..rule()
        };
        assert_eq!(met(bounded, std::iter::repeat_n(0.8, 50)), None);
        assert_eq!(met(bounded, std::iter::repeat_n(0.7, 50)), Some(3));
    }

    #[test]
    fn smoothing_begins_with_the_first_loss_and_not_with_zero() {
        let options = ConvergenceOptions {
            loss_below: Some(0.5),
            smoothing: 0.98,
            ..rule()
        };
        let mut rule = Convergence::new(options);
        assert!(!rule.observe(2.0));
        assert!((rule.smoothed().expect("one loss") - 2.0).abs() < 1e-12);
        assert!(!rule.observe(1.0));
        let expected = (0.98 * 0.02 * 2.0 + 0.02) / (1.0 - 0.98 * 0.98);
        assert!((rule.smoothed().expect("two losses") - expected).abs() < 1e-12);
    }

    #[test]
    fn the_state_survives_the_checkpoint() {
        let mut rule = Convergence::new(ConvergenceOptions {
            smoothing: 0.9,
            plateau_max: Some(3.0),
            ..rule()
        });
        rule.observe(0.1);
        rule.observe(0.7);
        let json = serde_json::to_string(&rule).expect("numbers");
        let back: Convergence = serde_json::from_str(&json).expect("what was written");
        assert_eq!(back, rule);
    }
}
