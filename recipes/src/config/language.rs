//! Runs of language models: `task = "nce_lm"`.

use std::path::PathBuf;

use limbeck_data::Unit;
use limbeck_data::language::LanguageOptions;
use limbeck_models::language as models;
use limbeck_training::schedule::Decay;
use serde::{Deserialize, Serialize};

use super::stage::{Averaging, Optimizer, StageConfig};
use super::values::{Extent, OffOr};
use crate::layerwise::Preset;
use crate::nce_lm::{NceLmOptions, Normalisation};

/// A language model trained in parts: the method [`crate::nce_lm`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NceLmRun {
    /// Where unset options came from.
    pub preset: Preset,
    /// Seed of everything random.
    pub seed: u64,
    /// The text.
    pub data: LanguageDataConfig,
    /// The model.
    pub model: RecurrentConfig,
    /// The options of the method.
    pub method: NceLmOptions,
    /// How the model is trained.
    pub training: StageConfig,
}

impl NceLmRun {
    /// The defaults of a preset.
    pub fn defaults(preset: Preset) -> Self {
        Self {
            preset,
            seed: 1,
            data: LanguageDataConfig::default(),
            model: RecurrentConfig::preset(preset),
            method: NceLmOptions::preset(preset),
            training: StageConfig::of_language_model(preset),
        }
    }

    /// Whether updates touch only the rows of the tables that they read: plain SGD on samples.
    pub fn is_row_sparse(&self) -> bool {
        let training = &self.training;
        let plain = training.momentum == 0.0 && training.weight_decay == 0.0;
        self.method.criterion != crate::nce_lm::Criterion::Softmax
            && training.optimizer == Optimizer::Sgd
            && plain
    }
}

/// Running text: section `[data]` of a language model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LanguageDataConfig {
    /// Folder of the files, seen from the working directory.
    pub dir: PathBuf,
    /// Training text: a sentence a line, or what `limbeck prepare` made of one.
    pub train: String,
    /// Text that choices are made on; empty takes `dev_fraction` of the training text.
    pub dev: String,
    /// Text that is read once, at the end; empty takes `test_fraction` of the training text.
    pub test: String,
    /// Share of the training text in front of the test's, where no file is named.
    pub dev_fraction: f64,
    /// Share at the end of the training text, where no file is named.
    pub test_fraction: f64,
    /// Words at white space, or single characters, white space included.
    pub unit: Unit,
    /// Turn the text into lower case.
    pub lower_case: bool,
    /// Words seen less often become the unknown word.
    pub min_count: u64,
    /// Most words, that at the end of sentences included.
    pub vocabulary_size: usize,
    /// Have an unknown word even if the training text has none.
    pub unknown: bool,
}

impl Default for LanguageDataConfig {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("."),
            train: "train.txt".into(),
            dev: "valid.txt".into(),
            test: "test.txt".into(),
            dev_fraction: 0.1,
            test_fraction: 0.1,
            unit: Unit::Word,
            lower_case: false,
            min_count: 1,
            vocabulary_size: 10_000_000,
            unknown: false,
        }
    }
}

impl LanguageDataConfig {
    /// How the text becomes tokens.
    pub fn options(&self) -> LanguageOptions {
        LanguageOptions {
            unit: self.unit,
            lowercase: self.lower_case,
            min_count: self.min_count,
            max_size: self.vocabulary_size,
            unknown: self.unknown,
        }
    }

    /// Whether dev and test are parts of the training text.
    pub fn is_one_file(&self) -> bool {
        self.dev.is_empty() && self.test.is_empty()
    }
}

/// The recurrent unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecurrentKind {
    /// Long short-term memory.
    Lstm,
    /// Gated recurrent unit.
    Gru,
    /// Elman's network.
    Rnn,
}

/// A recurrent language model: section `[model]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecurrentConfig {
    /// The recurrent unit.
    pub kind: RecurrentKind,
    /// Number of recurrent layers.
    pub layers: usize,
    /// Width of the word vectors.
    pub embedding_size: usize,
    /// Width of the layers.
    pub hidden_size: usize,
    /// Dropout in front of every layer and of the output.
    pub dropout: f64,
    /// One dropout mask for all positions of a part.
    pub variational: bool,
    /// Dropout on the recurrent weights.
    pub weight_drop: f64,
    /// The output's word vectors are the input's.
    pub tied: bool,
    /// Weights begin uniform in ± this number.
    pub initial_range: f64,
}

impl RecurrentConfig {
    fn preset(preset: Preset) -> Self {
        let literal = preset == Preset::Literal;
        Self {
            kind: RecurrentKind::Lstm,
            layers: 2,
            embedding_size: 200,
            hidden_size: 200,
            dropout: if literal { 0.0 } else { 0.2 },
            variational: false,
            weight_drop: 0.0,
            tied: false,
            initial_range: 0.1,
        }
    }

    /// The model's own configuration.
    pub fn model(
        &self,
        vocabulary: (usize, limbeck_engine::Fingerprint),
        method: &NceLmOptions,
        row_sparse: bool,
    ) -> models::LanguageModelConfig {
        models::LanguageModelConfig {
            vocabulary_size: vocabulary.0,
            vocabulary: vocabulary.1,
            unit: match self.kind {
                RecurrentKind::Lstm => models::Unit::Lstm,
                RecurrentKind::Gru => models::Unit::Gru,
                RecurrentKind::Rnn => models::Unit::Rnn,
            },
            layers: self.layers,
            embedding_size: self.embedding_size,
            hidden_size: self.hidden_size,
            dropout: self.dropout,
            variational: self.variational,
            weight_drop: self.weight_drop,
            tied: self.tied,
            initial_range: self.initial_range,
            row_sparse,
            ln_z: match method.ln_z {
                Normalisation::Constant => models::LnZ::Constant(method.ln_z_value),
                Normalisation::Learned => models::LnZ::Learned(method.ln_z_value),
            },
        }
    }
}

impl StageConfig {
    /// The settings that suit a recurrent language model.
    pub(super) fn of_language_model(preset: Preset) -> Self {
        let literal = preset == Preset::Literal;
        let off_or = |value: f64| match literal {
            true => OffOr::Off,
            false => OffOr::On(value),
        };
        Self {
            length: Extent::Epochs(15),
            batch_size: 20,
            accumulate: 1,
            optimizer: Optimizer::Sgd,
            learning_rate: if literal { 1.0 } else { 10.0 },
            weight_decay: 0.0,
            momentum: 0.0,
            betas: [0.9, 0.999],
            epsilon: 1e-8,
            warm_up: Extent::Steps(0),
            schedule: Decay::Constant,
            plateau: off_or(0.5),
            averaging: Averaging::Off,
            average_from: Extent::Share(0.5),
            average_interval: 5,
            clip_norm: off_or(0.25),
            patience: OffOr::Off,
            evaluate_every: Extent::Epochs(1),
            checkpoint_every: Extent::Epochs(1),
        }
    }
}
