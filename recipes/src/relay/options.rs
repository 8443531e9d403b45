//! Every option of the method, with the values of its two presets.

use limbeck_training::convergence::ConvergenceOptions;
use serde::{Deserialize, Serialize};

use crate::config::OffOr;
use crate::layerwise::Preset;

/// The options of `relay`: section `[distillation]` of a run file.
///
/// ```
/// use limbeck_recipes::layerwise::Preset;
/// use limbeck_recipes::relay::{Policy, PredictMode, RelayOptions};
/// let literal = RelayOptions::preset(Preset::Literal);
/// assert_eq!((literal.policy, literal.predict_mode), (Policy::Replace, PredictMode::InSample));
/// let tuned = RelayOptions::preset(Preset::Tuned);
/// assert_eq!((tuned.policy, tuned.predict_mode), (Policy::SoftA, PredictMode::CrossFit));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelayOptions {
    /// How a predicted label is compared with the original one.
    pub score: Score,
    /// A sample with a score of at least this is a target sample.
    pub threshold: f64,
    /// Where the teachers' predictions come from.
    pub predict_mode: PredictMode,
    /// Number of folds of `cross_fit`.
    pub folds: usize,
    /// What label a sample has for the student.
    pub policy: Policy,
    /// Other policies, each with a student of its own, for comparison.
    pub compare: Vec<Policy>,
    /// What B learns.
    pub b_target: BTarget,
    /// Share of the target samples that B reads beside the samples below the threshold.
    pub b_extra: f64,
    /// With fewer samples below the threshold than this, target samples fill B's up.
    pub b_min: usize,
    /// Whether relay labels are decisions or distributions.
    pub label_form: LabelForm,
    /// Temperature τ of the distributions (the factor τ² is always on).
    pub temperature: f64,
    /// What the student's last stage is compared with.
    pub final_target: FinalTarget,
    /// What all models minimise.
    pub loss: Loss,
    /// γ of the focal loss.
    pub gamma: f64,
    /// When the training loss of a model has converged, which ends its stage; not of the student that is
    /// trained alone.
    pub convergence: Convergence,
}

/// When a loss has converged: section `[distillation.convergence]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Convergence {
    /// Below this.
    pub loss_below: OffOr<f64>,
    /// Or after this many evaluations of the loss without a decrease.
    pub patience_evals: u64,
    /// A decrease is more than this.
    pub min_delta: f64,
    /// Share of the old value in the running mean that is judged.
    pub smoothing: f64,
    /// A loss that no longer decreases has converged only if it is at most this.
    pub plateau_max: OffOr<f64>,
}

impl From<Convergence> for ConvergenceOptions {
    fn from(options: Convergence) -> Self {
        ConvergenceOptions {
            loss_below: options.loss_below.get(),
            patience: options.patience_evals,
            min_delta: options.min_delta,
            smoothing: options.smoothing,
            plateau_max: options.plateau_max.get(),
        }
    }
}

impl RelayOptions {
    /// The values of a preset.
    pub fn preset(preset: Preset) -> Self {
        let base = Self {
            score: Score::F1,
            threshold: Score::F1.threshold(),
            predict_mode: PredictMode::InSample,
            folds: 5,
            policy: Policy::Replace,
            compare: Vec::new(),
            b_target: BTarget::Original,
            b_extra: 0.0,
            b_min: 50,
            label_form: LabelForm::Hard,
            temperature: 1.0,
            final_target: FinalTarget::Original,
            loss: Loss::Focal,
            gamma: 2.0,
            convergence: Convergence {
                loss_below: OffOr::Off,
                patience_evals: 500,
                min_delta: 1e-4,
                smoothing: 0.98,
                plateau_max: OffOr::Off,
            },
        };
        match preset {
            Preset::Literal => base,
            Preset::Tuned => Self {
                predict_mode: PredictMode::CrossFit,
                policy: Policy::SoftA,
                label_form: LabelForm::Soft,
                temperature: 2.0,
                final_target: FinalTarget::Mixed,
                loss: Loss::CrossEntropy,
                // A distribution has an entropy, below which no loss falls: a plateau says little, and
                // dev ends the stages.
                convergence: Convergence {
                    plateau_max: OffOr::On(0.0),
                    ..base.convergence
                },
                ..base
            },
        }
    }

    /// Whether any student's labels may come from B.
    pub(super) fn asks_b(&self) -> bool {
        self.policies().into_iter().any(Policy::needs_b)
    }

    /// The policies a student is trained for, the delivered one's first.
    pub(super) fn policies(&self) -> Vec<Policy> {
        let mut policies = vec![self.policy];
        for &policy in &self.compare {
            if !policies.contains(&policy) {
                policies.push(policy);
            }
        }
        policies
    }
}

/// How a predicted label is compared with the original one; 1 is the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Score {
    /// F1 of the spans or keywords of the sample; of a class, 1 if it is the right one, else 0.
    F1,
    /// F1 of the tagged tokens; of a class, as `f1`.
    TokenF1,
    /// Cosine of the predicted distribution and the original label as one.
    Cosine,
    /// 1 / (1 + distance of the two).
    Euclidean,
    /// exp(-loss): the probability of the original label; of tags, its geometric mean over tokens.
    Likelihood,
}

impl Score {
    /// The threshold that the source gives for it.
    pub fn threshold(self) -> f64 {
        match self {
            Self::F1 | Self::TokenF1 => 0.9,
            Self::Cosine | Self::Euclidean | Self::Likelihood => 0.95,
        }
    }
}

/// Where the teachers' predictions come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PredictMode {
    /// From the teacher itself, which has been trained on these samples.
    InSample,
    /// From teachers of its kind that were trained on the other folds.
    CrossFit,
}

/// What label a sample has for the student.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// A's for a target sample, B's below the threshold.
    Replace,
    /// A's or B's, whichever has the higher score (A's if equal).
    BestOf,
    /// A's, else B's, if it reaches the threshold; else the original one.
    FallbackOriginal,
    /// A's for a target sample; samples below the threshold are left out.
    Drop,
    /// A's distribution for every sample.
    SoftA,
}

impl Policy {
    /// Its name in run files and results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::BestOf => "best_of",
            Self::FallbackOriginal => "fallback_original",
            Self::Drop => "drop",
            Self::SoftA => "soft_a",
        }
    }

    /// Whether it asks B.
    pub fn needs_b(self) -> bool {
        matches!(self, Self::Replace | Self::BestOf | Self::FallbackOriginal)
    }
}

/// What B learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BTarget {
    /// The original labels.
    Original,
    /// What A predicted, wrong as it is.
    BelowThreshold,
}

/// Whether relay labels are decisions or distributions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelForm {
    /// Decisions.
    Hard,
    /// The teacher's distribution; an original label stays a decision.
    Soft,
}

/// What the student's last stage is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinalTarget {
    /// The original labels.
    Original,
    /// The relay labels.
    Relay,
    /// Both, half each.
    Mixed,
}

/// What the models minimise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// (1 - p)^γ · cross-entropy (Lin et al. 2017).
    Focal,
    /// Cross-entropy.
    CrossEntropy,
    /// 1 - cosine of the two distributions.
    Cosine,
    /// Squared Euclidean distance of the two distributions.
    Euclidean,
    /// Of keywords: the probability of all ways to write them down as the text is read, copying words
    /// (Graves et al. 2006).
    Ctc,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_presets_are_those_of_the_specification() {
        let literal = RelayOptions::preset(Preset::Literal);
        assert_eq!((literal.score, literal.threshold), (Score::F1, 0.9));
        assert_eq!(Score::Cosine.threshold(), 0.95);
        assert_eq!(literal.predict_mode, PredictMode::InSample);
        assert_eq!(literal.policy, Policy::Replace);
        assert_eq!(literal.b_target, BTarget::Original);
        assert_eq!((literal.b_extra, literal.b_min), (0.0, 50));
        assert_eq!(literal.label_form, LabelForm::Hard);
        assert_eq!(literal.final_target, FinalTarget::Original);
        assert_eq!((literal.loss, literal.gamma), (Loss::Focal, 2.0));
        let tuned = RelayOptions::preset(Preset::Tuned);
        assert_eq!(
            (tuned.predict_mode, tuned.folds),
            (PredictMode::CrossFit, 5)
        );
        assert_eq!(tuned.label_form, LabelForm::Soft);
        for (options, plateau_max) in [(literal, None), (tuned, Some(0.0))] {
            let rule = ConvergenceOptions::from(options.convergence);
            assert_eq!((rule.loss_below, rule.patience), (None, 500));
            assert_eq!((rule.min_delta, rule.smoothing), (1e-4, 0.98));
            assert_eq!(rule.plateau_max, plateau_max);
        }
    }

    #[test]
    fn a_policy_that_is_compared_with_itself_is_trained_once() {
        let options = RelayOptions {
            compare: vec![Policy::Drop, Policy::SoftA, Policy::Drop],
            ..RelayOptions::preset(Preset::Tuned)
        };
        assert_eq!(options.policies(), [Policy::SoftA, Policy::Drop]);
    }
}
