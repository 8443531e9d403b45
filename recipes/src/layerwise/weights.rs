//! Weights of the loss terms that change during a stage.

use limbeck_losses::{self as losses, LearningSide};
use limbeck_training::TrainingError;
use serde_json::{Value, json};

use super::options::{Consistency, ConsistencyGradient, Direction, Weight};

/// A consistency term: its options for the loss, its weight and the ramp-up of the weight.
#[derive(Clone, Copy, Debug)]
pub struct ConsistencyTerm {
    pub(super) options: losses::Consistency,
    pub(super) weight: f64,
    ramp_up: u64,
}

impl ConsistencyTerm {
    /// The term for a task of `classes` classes in a stage of this length.
    pub fn new(
        options: &Consistency,
        weight: f64,
        classes: usize,
        (steps, per_epoch): (u64, u64),
    ) -> Self {
        ConsistencyTerm {
            options: losses::Consistency {
                direction: match options.direction {
                    Direction::OriginalToAugmented => losses::Direction::OriginalToAugmented,
                    Direction::AugmentedToOriginal => losses::Direction::AugmentedToOriginal,
                    Direction::Symmetric => losses::Direction::Symmetric,
                    Direction::JensenShannon => losses::Direction::JensenShannon,
                },
                learns: match options.gradient {
                    ConsistencyGradient::Both => LearningSide::Both,
                    ConsistencyGradient::AugmentedOnly => LearningSide::Augmented,
                },
                sharpening: options.sharpening.temperature(classes).unwrap_or(1.0) as f32,
                confidence: options.confidence.get().map(|c| c as f32),
            },
            weight,
            ramp_up: options.ramp_up.steps(steps, per_epoch),
        }
    }

    /// The weight at an update: it grows linearly from 0 over the ramp-up.
    pub(super) fn weight_at(&self, step: u64) -> f32 {
        let share = if step >= self.ramp_up {
            1.0
        } else {
            step as f64 / self.ramp_up as f64
        };
        (self.weight * share) as f32
    }
}

/// The weight of a layer term: a number, or balanced after the first epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LayerWeight {
    configured: Weight,
    balanced: Option<f64>,
}

impl LayerWeight {
    pub(super) fn new(configured: Weight) -> Self {
        LayerWeight {
            configured,
            balanced: None,
        }
    }

    /// The weight now. A balanced one is 1 until the first epoch has ended.
    pub(super) fn now(&self) -> f64 {
        match self.configured {
            Weight::Fixed(weight) => weight,
            Weight::Balanced => self.balanced.unwrap_or(1.0),
        }
    }

    /// After the first epoch: makes the term `share` of `reference`. Later calls change nothing.
    pub(super) fn settle(&mut self, share: f64, reference: f64, term: Option<f64>) {
        if self.configured == Weight::Balanced
            && self.balanced.is_none()
            && let Some(term) = term
        {
            self.balanced = Some(share * reference / term.max(1e-12));
        }
    }

    pub(super) fn state(&self) -> Value {
        json!(self.balanced)
    }

    pub(super) fn restore(&mut self, state: &Value) -> limbeck_training::Result<()> {
        self.balanced = serde_json::from_value(state.clone()).map_err(|error| {
            TrainingError::Configuration(format!("the checkpoint's balanced weight: {error}"))
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_balanced_weight_settles_once() {
        let mut weight = LayerWeight::new(Weight::Balanced);
        assert_eq!(weight.now(), 1.0);
        weight.settle(0.2, 3.0, Some(0.5));
        assert!(
            (weight.now() - 1.2).abs() < 1e-12,
            "0.2 of 3 is 1.2 times 0.5"
        );
        weight.settle(0.2, 100.0, Some(0.5));
        assert!((weight.now() - 1.2).abs() < 1e-12);
        let mut resumed = LayerWeight::new(Weight::Balanced);
        resumed.restore(&weight.state()).expect("its own state");
        assert_eq!(resumed, weight);
    }

    #[test]
    fn a_fixed_weight_stays() {
        let mut weight = LayerWeight::new(Weight::Fixed(0.7));
        weight.settle(0.2, 3.0, Some(0.5));
        assert_eq!(weight.now(), 0.7);
    }
}
