//! Which evaluation on dev was the best, and when to stop looking for a better one.

use serde::{Deserialize, Serialize};

/// The best evaluation so far, and how long ago it was. The whole of it belongs into the
/// checkpoint.
///
/// An evaluation is better if its metric is higher or, at an equal metric, its loss lower: on a
/// small dev set accuracies tie often, and the loss still tells two models apart. For metrics
/// where less is better (perplexity, error rates) pass the negative.
///
/// ```
/// use limbeck_training::early_stopping::{EarlyStopping, Verdict};
/// let mut stopping = EarlyStopping::new(Some(2));
/// assert_eq!(stopping.observe(100, 0.80, 0.9), Verdict::Improved);
/// assert_eq!(stopping.observe(200, 0.80, 0.7), Verdict::Improved); // a tie, but a lower loss
/// assert_eq!(stopping.observe(300, 0.79, 0.5), Verdict::Continue);
/// assert_eq!(stopping.observe(400, 0.80, 0.7), Verdict::Stop);
/// assert_eq!(stopping.best().unwrap().step, 200);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarlyStopping {
    patience: Option<u32>,
    best: Option<Best>,
    since_best: u32,
}

/// The best evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Best {
    /// The number of updates done when it was measured.
    pub step: u64,
    /// The dev metric, higher is better.
    pub metric: f64,
    /// The dev loss; none if it was not finite, which counts as worse than any number.
    pub loss: Option<f64>,
}

/// What to do after an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The best so far: keep this model, go on.
    Improved,
    /// Not better; patience is left.
    Continue,
    /// Not better for as many evaluations in a row as patience allows.
    Stop,
}

impl EarlyStopping {
    /// Stops after `patience` evaluations in a row without improvement (0 counts as 1); with
    /// `None` it never stops and only keeps the best.
    pub fn new(patience: Option<u32>) -> Self {
        Self {
            patience,
            best: None,
            since_best: 0,
        }
    }

    /// Takes note of the evaluation after `step` updates. A metric that is not finite is never an
    /// improvement.
    pub fn observe(&mut self, step: u64, metric: f64, loss: f64) -> Verdict {
        let candidate = Best {
            step,
            metric,
            loss: loss.is_finite().then_some(loss),
        };
        if metric.is_finite() && self.best.is_none_or(|best| candidate.beats(&best)) {
            self.best = Some(candidate);
            self.since_best = 0;
            return Verdict::Improved;
        }
        self.since_best = self.since_best.saturating_add(1);
        if self.is_exhausted() {
            Verdict::Stop
        } else {
            Verdict::Continue
        }
    }

    /// The best evaluation so far.
    pub fn best(&self) -> Option<Best> {
        self.best
    }

    /// Whether patience has run out. A resumed run asks this before it trains another step.
    pub fn is_exhausted(&self) -> bool {
        self.patience
            .is_some_and(|patience| self.since_best >= patience.max(1))
    }
}

impl Best {
    fn beats(&self, other: &Self) -> bool {
        let loss = |b: &Self| b.loss.unwrap_or(f64::INFINITY);
        self.metric > other.metric || (self.metric == other.metric && loss(self) < loss(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_equal_evaluation_is_no_improvement() {
        let mut stopping = EarlyStopping::new(None);
        stopping.observe(1, 0.5, 0.3);
        assert_eq!(stopping.observe(2, 0.5, 0.3), Verdict::Continue);
        assert_eq!(stopping.best().unwrap().step, 1);
    }

    #[test]
    fn an_improvement_restores_patience() {
        let mut stopping = EarlyStopping::new(Some(2));
        let verdicts: Vec<Verdict> = [0.5, 0.4, 0.6, 0.5, 0.5]
            .iter()
            .enumerate()
            .map(|(step, &metric)| stopping.observe(step as u64, metric, 1.0))
            .collect();
        use Verdict::{Continue, Improved, Stop};
        assert_eq!(verdicts, [Improved, Continue, Improved, Continue, Stop]);
        assert!(stopping.is_exhausted());
    }

    #[test]
    fn values_that_are_not_finite_never_win() {
        let mut stopping = EarlyStopping::new(None);
        assert_eq!(stopping.observe(1, f64::NAN, 0.1), Verdict::Continue);
        assert_eq!(stopping.observe(2, 0.5, f64::INFINITY), Verdict::Improved);
        assert_eq!(stopping.observe(3, 0.5, f64::NAN), Verdict::Continue);
        assert_eq!(stopping.observe(4, 0.5, 1e300), Verdict::Improved);
    }

    #[test]
    fn the_state_survives_the_checkpoint_bit_for_bit() {
        let mut stopping = EarlyStopping::new(Some(3));
        stopping.observe(10, 0.1 + 0.2, 1.0 / 3.0);
        stopping.observe(20, 0.1, f64::NAN);
        let json = serde_json::to_string(&stopping).unwrap();
        assert_eq!(
            serde_json::from_str::<EarlyStopping>(&json).unwrap(),
            stopping
        );
    }

    #[test]
    fn the_first_loss_may_be_infinite_and_still_be_written() {
        let mut stopping = EarlyStopping::new(None);
        stopping.observe(1, 0.5, f64::INFINITY);
        let json = serde_json::to_string(&stopping).unwrap();
        assert_eq!(
            serde_json::from_str::<EarlyStopping>(&json).unwrap(),
            stopping
        );
    }
}
