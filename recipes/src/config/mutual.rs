//! Runs of [`crate::gate_mixup`].

use serde::{Deserialize, Serialize};

use super::data::{DataConfig, Format};
use super::model::{Model, ModelKind, TransformerConfig};
use super::stage::StageConfig;
use super::values::{Extent, OffOr};
use crate::gate_mixup::GateMixupOptions;
use crate::layerwise::Preset;

/// Teacher and student of [`crate::gate_mixup`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateMixupRun {
    /// Where unset options came from.
    pub preset: Preset,
    /// Seed of everything random but the data split.
    pub seed: u64,
    /// Also train the student on alone, for as many updates, for comparison.
    pub student_alone: bool,
    /// Also let both teach each other with the gate always open, for comparison.
    pub plain_mutual: bool,
    /// The labelled texts.
    pub data: DataConfig,
    /// The teacher.
    pub teacher: Model,
    /// The student.
    pub student: Model,
    /// The options of the method.
    pub distillation: GateMixupOptions,
    /// How the models are trained.
    pub training: GateMixupTraining,
}

impl GateMixupRun {
    /// The defaults of a preset, for kinds of models and a format of data.
    pub fn defaults(
        preset: Preset,
        teacher: ModelKind,
        student: ModelKind,
        format: Format,
    ) -> Self {
        let student_model = match student {
            ModelKind::Transformer => Model::Transformer(TransformerConfig {
                layers: 2,
                ..TransformerConfig::default()
            }),
            kind => Model::of_kind(kind),
        };
        Self {
            preset,
            seed: 1,
            student_alone: true,
            plain_mutual: true,
            data: DataConfig::of_format(format),
            teacher: Model::of_kind(teacher),
            student: student_model,
            distillation: GateMixupOptions::preset(preset),
            training: GateMixupTraining {
                teacher: StageConfig::of_kind(teacher),
                student: StageConfig::of_kind(student),
                mutual: StageConfig::of_turns(),
            },
        }
    }
}

/// How the models of [`crate::gate_mixup`] are trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateMixupTraining {
    /// The teacher alone.
    pub teacher: StageConfig,
    /// The student alone.
    pub student: StageConfig,
    /// Both in turns: an epoch is a cycle of the two phases.
    pub mutual: StageConfig,
}

impl StageConfig {
    /// The settings of two models that teach each other in turns.
    fn of_turns() -> Self {
        Self {
            length: Extent::Epochs(10),
            learning_rate: 5e-4,
            weight_decay: 0.01,
            clip_norm: OffOr::On(1.0),
            patience: OffOr::On(3),
            ..Self::of_kind(ModelKind::TextCnn)
        }
    }
}
