//! How one model is trained: section `[training]`, or `[training.teacher]` and its sisters.

use limbeck_training::schedule::{Decay, Schedule, ScheduleConfig, Warmup};
use serde::{Deserialize, Serialize};

use super::model::ModelKind;
use super::values::{Extent, OffOr};

/// The optimiser, the batches and the schedule of one stage of training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageConfig {
    /// Length of the stage in steps or epochs; of `conjugate_gradient`, the most steps for one value
    /// of C.
    pub length: Extent,
    /// Labelled texts per step (`conjugate_gradient` reads all).
    pub batch_size: usize,
    /// Parts that the texts of a step are read in, one after the other, their gradients added: the
    /// same update with less memory.
    pub accumulate: usize,
    /// The update rule.
    pub optimizer: Optimizer,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Decoupled weight decay (`adamw`), or the L2 penalty's factor (`sgd`).
    pub weight_decay: f64,
    /// Momentum of `sgd`.
    pub momentum: f64,
    /// Decay rates of the two moments of `adamw`.
    pub betas: [f64; 2],
    /// Added to the denominator of `adamw`.
    pub epsilon: f64,
    /// The learning rate grows linearly from 0 over this stretch.
    pub warm_up: Extent,
    /// How the learning rate falls.
    pub schedule: Decay,
    /// Factor on the learning rate after each evaluation on dev that is no improvement.
    pub plateau: OffOr<f64>,
    /// Whether the average of the weights over updates of plain `sgd` takes their place.
    pub averaging: Averaging,
    /// Averaging begins after this stretch, with `asgd`.
    pub average_from: Extent,
    /// Averaging begins once dev is worse than it was more than so many evaluations ago, with
    /// `nt_asgd`.
    pub average_interval: usize,
    /// Largest Euclidean norm of the whole gradient.
    pub clip_norm: OffOr<f64>,
    /// Stop after this many evaluations on dev without improvement.
    pub patience: OffOr<u64>,
    /// How often dev is evaluated.
    pub evaluate_every: Extent,
    /// How often a checkpoint is written.
    pub checkpoint_every: Extent,
}

impl StageConfig {
    /// The settings that suit a kind of model.
    pub fn of_kind(kind: ModelKind) -> Self {
        let base = Self {
            length: Extent::Epochs(20),
            batch_size: 32,
            accumulate: 1,
            optimizer: Optimizer::Adamw,
            learning_rate: 1e-3,
            weight_decay: 0.0,
            momentum: 0.9,
            betas: [0.9, 0.999],
            epsilon: 1e-8,
            warm_up: Extent::Steps(0),
            schedule: Decay::Constant,
            plateau: OffOr::Off,
            averaging: Averaging::Off,
            average_from: Extent::Share(0.5),
            average_interval: 5,
            clip_norm: OffOr::Off,
            patience: OffOr::On(6),
            evaluate_every: Extent::Epochs(1),
            checkpoint_every: Extent::Epochs(1),
        };
        match kind {
            ModelKind::TextCnn | ModelKind::TextLevel | ModelKind::File => base,
            ModelKind::TextGraph => Self {
                learning_rate: 3e-3,
                schedule: Decay::Linear,
                ..base
            },
            ModelKind::Corpus => Self {
                learning_rate: 0.02,
                ..Self::of_a_whole_graph()
            },
            ModelKind::Sgc => Self {
                learning_rate: 0.2,
                ..Self::of_a_whole_graph()
            },
            ModelKind::Transformer | ModelKind::Seq2seq => Self {
                learning_rate: 5e-4,
                weight_decay: 0.01,
                warm_up: Extent::Share(0.1),
                schedule: Decay::Linear,
                clip_norm: OffOr::On(1.0),
                ..base
            },
            ModelKind::Unet => Self::of_pictures(),
            ModelKind::Speech => Self::of_speech(),
            ModelKind::Pretrained => Self {
                length: Extent::Epochs(4),
                learning_rate: 5e-5,
                patience: OffOr::Off,
                ..Self::of_kind(ModelKind::Transformer)
            },
            ModelKind::BagOfNgrams => Self {
                length: Extent::Steps(300),
                optimizer: Optimizer::ConjugateGradient,
                checkpoint_every: Extent::Steps(100),
                ..Self::bag_of_ngrams_in_batches()
            },
        }
    }

    /// The settings of a network that reads all documents at once, whatever a batch asks for.
    fn of_a_whole_graph() -> Self {
        Self {
            length: Extent::Steps(200),
            batch_size: 1_000_000,
            patience: OffOr::On(10),
            evaluate_every: Extent::Steps(2),
            checkpoint_every: Extent::Steps(50),
            ..Self::of_kind(ModelKind::TextCnn)
        }
    }

    /// The settings that suit a bag of n-grams with a hidden layer, or one trained in batches.
    pub fn bag_of_ngrams_in_batches() -> Self {
        Self {
            learning_rate: 5e-3,
            schedule: Decay::Linear,
            ..Self::of_kind(ModelKind::TextCnn)
        }
    }

    /// The settings of a stage of `layerwise`: a fixed number of steps, evaluated twenty times,
    /// so that every arm of a comparison takes the same number of updates.
    pub fn of_layerwise(kind: ModelKind) -> Self {
        match kind {
            // A teacher reads batches of labelled texts beside batches of pairs.
            ModelKind::BagOfNgrams => Self::bag_of_ngrams_in_batches().in_steps(),
            // Few epochs are enough, however many texts there are.
            ModelKind::Pretrained => Self::of_kind(kind),
            _ => Self::of_kind(kind).in_steps(),
        }
    }

    /// The settings of the second teacher, which reads labelled texts alone.
    pub fn of_beside_teacher(kind: ModelKind) -> Self {
        match kind {
            ModelKind::BagOfNgrams => Self::of_kind(kind),
            _ => Self::of_layerwise(kind),
        }
    }

    /// The same settings over a fixed number of steps.
    pub(super) fn in_steps(self) -> Self {
        Self {
            length: Extent::Steps(1000),
            patience: OffOr::Off,
            evaluate_every: Extent::Share(0.05),
            checkpoint_every: Extent::Share(0.05),
            ..self
        }
    }
}

impl StageConfig {
    /// Number of steps of the stage, where `per_epoch` steps read all labelled texts once.
    pub fn steps(&self, per_epoch: u64) -> u64 {
        self.length.steps(0, per_epoch)
    }

    /// The course of the learning rate over the stage, as a factor of `learning_rate`.
    pub fn schedule(&self, per_epoch: u64) -> Schedule {
        let total = self.steps(per_epoch);
        let warmup = Warmup::Steps(self.warm_up.steps(total, per_epoch));
        ScheduleConfig {
            decay: self.schedule,
            warmup,
        }
        .over(total)
    }
}

/// The update rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Optimizer {
    /// Adam with decoupled weight decay; plain Adam at `weight_decay = 0`.
    Adamw,
    /// Stochastic gradient descent with momentum.
    Sgd,
    /// All texts at once, to the optimum of a convex loss: for a linear bag of n-grams.
    ConjugateGradient,
}

/// Whether weights are averaged over updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Averaging {
    /// They are not.
    Off,
    /// From a part of the stage on (Polyak and Juditsky 1992).
    Asgd,
    /// Once dev is worse than it was some evaluations ago (Merity et al. 2018).
    NtAsgd,
}
