//! Every option of the method, with the values of its two presets.

use serde::{Deserialize, Serialize};

use crate::config::OffOr;
use crate::layerwise::Preset;

/// The options of `gate_mixup`: section `[distillation]` of a run file.
///
/// ```
/// use limbeck_recipes::gate_mixup::{GateMixupOptions, Granularity, Residual};
/// use limbeck_recipes::layerwise::Preset;
/// let literal = GateMixupOptions::preset(Preset::Literal);
/// assert_eq!((literal.gate, literal.residual), (Granularity::Batch, Residual::Sum));
/// let tuned = GateMixupOptions::preset(Preset::Tuned);
/// assert_eq!((tuned.gate, tuned.residual), (Granularity::Sample, Residual::Mean));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateMixupOptions {
    /// Who teaches.
    pub direction: Direction,
    /// How long a model teaches before the other does.
    pub alternate: Alternate,
    /// What passes the gate together.
    pub gate: Granularity,
    /// What the gate looks at.
    pub metric: Metric,
    /// A score of at least this opens the gate.
    pub threshold: f64,
    /// In place of the threshold: the share of the latest scores that is to find the gate closed.
    pub closed_share: OffOr<f64>,
    /// Where the scores come from.
    pub sender_outputs: SenderOutputs,
    /// Number of folds of `cross_fit`.
    pub folds: usize,
    /// What becomes of a message that finds the gate closed.
    pub on_closed: OnClosed,
    /// Weight of such a message with `augment_weighted`.
    pub closed_weight: f64,
    /// Share of the true class in the target of such a message with `label_mix`.
    pub label_share: f64,
    /// Rate of the dropout before Mixup.
    pub dropout: f64,
    /// λ of Mixup; `off` draws it.
    pub lambda: OffOr<f64>,
    /// λ is drawn from Beta(a, a) and folded to max(λ, 1 - λ).
    pub mixup_alpha: f64,
    /// How the message and its augmentation are joined.
    pub residual: Residual,
    /// Share of the messages in the loss, α; that of the labels is 1 - α.
    pub alpha: f64,
    /// Temperature τ of the two divergences (their factor τ² is always on).
    pub temperature: f64,
    /// Weights of the kinds of messages; their weighted sum counts α.
    pub weights: MessageWeights,
}

/// Weights of the kinds of messages.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessageWeights {
    /// Divergence of the vectors, read as scores.
    pub rep_kl: f64,
    /// Mean squared error of the vectors.
    pub rep_mse: f64,
    /// Divergence of the classes.
    pub class_kl: f64,
}

impl GateMixupOptions {
    /// The values of a preset.
    pub fn preset(preset: Preset) -> Self {
        let base = Self {
            direction: Direction::Mutual,
            alternate: Alternate::Epoch,
            gate: Granularity::Batch,
            metric: Metric::MacroF1,
            threshold: 0.9,
            closed_share: OffOr::Off,
            sender_outputs: SenderOutputs::InSample,
            folds: 3,
            on_closed: OnClosed::Augment,
            closed_weight: 0.3,
            label_share: 0.5,
            dropout: 0.2,
            lambda: OffOr::Off,
            mixup_alpha: 0.5,
            residual: Residual::Sum,
            alpha: 0.5,
            temperature: 1.0,
            weights: MessageWeights {
                rep_kl: 1.0,
                rep_mse: 0.0,
                class_kl: 0.0,
            },
        };
        match preset {
            Preset::Literal => base,
            Preset::Tuned => Self {
                gate: Granularity::Sample,
                metric: Metric::Probability,
                threshold: 0.5,
                sender_outputs: SenderOutputs::CrossFit,
                on_closed: OnClosed::AugmentWeighted,
                residual: Residual::Mean,
                temperature: 2.0,
                weights: MessageWeights {
                    rep_kl: 0.0,
                    rep_mse: 0.1,
                    class_kl: 1.0,
                },
                ..base
            },
        }
    }

    /// The same with a gate that is always open: plain mutual learning in turns.
    #[must_use]
    pub fn plain(&self) -> Self {
        Self {
            threshold: 0.0,
            closed_share: OffOr::Off,
            sender_outputs: SenderOutputs::InSample,
            ..self.clone()
        }
    }

    /// How many of the two models learn.
    pub(super) fn learners(&self) -> u64 {
        match self.direction {
            Direction::Mutual => 2,
            Direction::OneWay => 1,
        }
    }

    /// How many of the first `updates` of the turns are the student's, of whose texts `per_epoch`
    /// batches are made.
    pub(super) fn updates_of_student(&self, updates: u64, per_epoch: u64) -> u64 {
        if self.direction == Direction::OneWay {
            return updates;
        }
        let phase = match self.alternate {
            Alternate::Epoch => per_epoch.max(1),
            Alternate::Batch => 1,
        };
        updates / (2 * phase) * phase + (updates % (2 * phase)).min(phase)
    }

    /// Whether any message compares vectors.
    pub fn compares_vectors(&self) -> bool {
        self.weights.rep_kl > 0.0 || self.weights.rep_mse > 0.0
    }
}

/// Who teaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The teacher and the student in turns.
    Mutual,
    /// The teacher alone.
    OneWay,
}

/// How long a model teaches before the other does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alternate {
    /// One pass over the training texts.
    Epoch,
    /// One batch.
    Batch,
}

/// What passes the gate together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Granularity {
    /// The texts of a batch.
    Batch,
    /// One text.
    Sample,
}

/// What the gate looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Of a batch: the mean F1 over the classes that occur in its labels or predictions.
    MacroF1,
    /// Of a batch: F1 over all texts together, which with one label a text is accuracy.
    MicroF1,
    /// Of a batch: the share of correct predictions.
    Accuracy,
    /// Of a text: the probability of its true class.
    Probability,
    /// Of a text: 1 if the prediction is correct, else 0.
    Correct,
    /// Of a text, without its label: 1 minus the entropy of the prediction over its largest value.
    Certainty,
}

impl Metric {
    /// What it scores.
    pub fn granularity(self) -> Granularity {
        match self {
            Self::MacroF1 | Self::MicroF1 | Self::Accuracy => Granularity::Batch,
            Self::Probability | Self::Correct | Self::Certainty => Granularity::Sample,
        }
    }
}

/// Where the scores of the gate come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SenderOutputs {
    /// From the sender itself, which has been trained on these texts.
    InSample,
    /// From models of its kind that were trained on the other folds.
    CrossFit,
}

/// What becomes of a message that finds the gate closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnClosed {
    /// Dropout, Mixup and a residual.
    Augment,
    /// The same, counted with `closed_weight`.
    AugmentWeighted,
    /// It is left out.
    Skip,
    /// Augmented; its class target is mixed with the label.
    LabelMix,
    /// Mixed with the message of another text of its class in the batch, in place of its own
    /// dropout.
    CrossMix,
}

/// How a message R and its augmentation R_DA are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Residual {
    /// R + R_DA.
    Sum,
    /// (R + R_DA) / 2.
    Mean,
    /// The sum with mean 0 and variance 1 over its components.
    LayerNorm,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updates_of_the_student_among_those_of_both() {
        let mutual = GateMixupOptions::preset(Preset::Tuned);
        let of = |options: &GateMixupOptions| {
            [0, 6, 10, 14, 24, 42].map(|updates| options.updates_of_student(updates, 7))
        };
        assert_eq!(of(&mutual), [0, 6, 7, 7, 14, 21]);
        let by_batch = GateMixupOptions {
            alternate: Alternate::Batch,
            ..mutual.clone()
        };
        assert_eq!(of(&by_batch), [0, 3, 5, 7, 12, 21]);
        let one_way = GateMixupOptions {
            direction: Direction::OneWay,
            ..mutual
        };
        assert_eq!(of(&one_way), [0, 6, 10, 14, 24, 42]);
    }

    #[test]
    fn the_presets_are_those_of_the_specification() {
        let literal = GateMixupOptions::preset(Preset::Literal);
        assert_eq!(
            (literal.gate, literal.metric),
            (Granularity::Batch, Metric::MacroF1)
        );
        assert_eq!(
            (literal.threshold, literal.alpha, literal.temperature),
            (0.9, 0.5, 1.0)
        );
        assert_eq!(literal.sender_outputs, SenderOutputs::InSample);
        assert_eq!(
            (literal.on_closed, literal.residual),
            (OnClosed::Augment, Residual::Sum)
        );
        let MessageWeights {
            rep_kl,
            rep_mse,
            class_kl,
        } = literal.weights;
        assert_eq!((rep_kl, rep_mse, class_kl), (1.0, 0.0, 0.0));
        let tuned = GateMixupOptions::preset(Preset::Tuned);
        assert_eq!(
            (tuned.gate, tuned.metric),
            (Granularity::Sample, Metric::Probability)
        );
        assert_eq!(
            (tuned.threshold, tuned.alpha, tuned.temperature),
            (0.5, 0.5, 2.0)
        );
        assert_eq!(tuned.sender_outputs, SenderOutputs::CrossFit);
        assert_eq!(
            (tuned.on_closed, tuned.closed_weight),
            (OnClosed::AugmentWeighted, 0.3)
        );
        assert_eq!(tuned.residual, Residual::Mean);
        let MessageWeights {
            rep_kl,
            rep_mse,
            class_kl,
        } = tuned.weights;
        assert_eq!((rep_kl, rep_mse, class_kl), (0.0, 0.1, 1.0));
        for options in [literal, tuned] {
            assert_eq!(
                (options.direction, options.alternate),
                (Direction::Mutual, Alternate::Epoch)
            );
            assert_eq!((options.mixup_alpha, options.dropout), (0.5, 0.2));
        }
    }
}
