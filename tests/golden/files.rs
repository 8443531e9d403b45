//! The files as the scripts write them.

use std::path::Path;

use limbeck::training::optimizer::OptimizerConfig;
use limbeck::training::schedule::{Decay, Schedule, ScheduleConfig, Warmup};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::networks::{Clip, Picture};
use crate::sizes::{DecoderSizes, LanguageSizes, Model};
use crate::tagger::TaggerSizes;

/// A model: `transformer_*.json`, `seq2seq_*.json`, `text_cnn_*.json`, `text_graph_*.json`,
/// `unet_*.json`, `speech_*.json`. It reads texts, pictures or clips.
#[derive(Deserialize)]
pub(crate) struct ModelFile {
    pub(crate) model: Model,
    #[serde(default)]
    pub(crate) texts: Vec<Vec<u32>>,
    #[serde(default)]
    pub(crate) pictures: Vec<Picture>,
    #[serde(default)]
    pub(crate) clips: Vec<Clip>,
    /// Of every text, pixel, frame or segment that the model scores.
    pub(crate) labels: Vec<u32>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) logits: Vec<f64>,
    pub(crate) loss: f64,
    pub(crate) training: Vec<Training>,
}

/// A decoder whose states are classified row by row: `decoder_*.json`.
#[derive(Deserialize)]
pub(crate) struct DecoderFile {
    pub(crate) decoder: DecoderSizes,
    pub(crate) classes: usize,
    /// Rows of each target sequence.
    pub(crate) target: Vec<usize>,
    /// Rows of the memory that it reads.
    pub(crate) source: Vec<usize>,
    /// Of every target row.
    pub(crate) labels: Vec<u32>,
    /// The rows of target and memory among them.
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) logits: Vec<f64>,
    pub(crate) loss: f64,
}

/// A sequence tagger: `tagger_*.json`.
#[derive(Deserialize)]
pub(crate) struct TaggerFile {
    pub(crate) tagger: TaggerSizes,
    pub(crate) sentences: Vec<Sentence>,
    /// Of every word of all sentences.
    pub(crate) labels: Vec<u32>,
    pub(crate) parameters: Vec<Parameter>,
    /// Behind the true tags.
    pub(crate) logits: Vec<f64>,
    /// Behind the best tags.
    pub(crate) written: Vec<f64>,
    pub(crate) loss: f64,
    pub(crate) training: Vec<Training>,
}

/// A sentence as taggers read it.
#[derive(Deserialize)]
pub(crate) struct Sentence {
    pub(crate) words: Vec<u32>,
    pub(crate) spellings: Vec<Vec<u32>>,
    pub(crate) shapes: Vec<u32>,
}

/// A parameter in Limbeck's layout, with the gradient of the first loss.
#[derive(Deserialize)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) decay: bool,
    pub(crate) values: Vec<f64>,
    pub(crate) gradient: Vec<f64>,
}

/// The losses after 0, 1 ... updates.
#[derive(Deserialize)]
pub(crate) struct Training {
    pub(crate) optimizer: Optimizer,
    pub(crate) schedule: Plan,
    pub(crate) losses: Vec<f64>,
}

/// A recurrent language model: `language_*.json`.
#[derive(Deserialize)]
pub(crate) struct LanguageFile {
    pub(crate) model: LanguageSizes,
    pub(crate) criterion: Criterion,
    /// ln(K q) by word; nothing for the full softmax.
    pub(crate) ln_kq: Vec<f32>,
    pub(crate) parts: Vec<Part>,
    /// What the first part begins with.
    pub(crate) state: Vec<Vec<f32>>,
    pub(crate) parameters: Vec<Parameter>,
    /// The losses of the first part's rows.
    pub(crate) rows: Vec<f64>,
    /// The logarithms of their normalisers.
    pub(crate) log_partition: Vec<f64>,
    pub(crate) training: LanguageTraining,
}

/// What a language model is trained with.
#[derive(Deserialize)]
pub(crate) struct Criterion {
    pub(crate) kind: CriterionKind,
    /// Whether noise words that are a row's target are left out.
    pub(crate) mask: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CriterionKind {
    Softmax,
    Nce,
    SampledSoftmax,
}

/// The text of an update.
#[derive(Deserialize)]
pub(crate) struct Part {
    /// Every word but the last of a sequence is an input, every word but the first a target.
    pub(crate) sequences: Vec<Vec<u32>>,
    /// What all rows share.
    pub(crate) noise: Vec<u32>,
}

/// Updates with plain SGD, of one part after the other.
#[derive(Deserialize)]
pub(crate) struct LanguageTraining {
    pub(crate) learning_rate: f64,
    pub(crate) clip_norm: Option<f32>,
    /// Whether a part begins where the one before ended; else each with the first state.
    pub(crate) carried: bool,
    /// Before each update.
    pub(crate) losses: Vec<f64>,
    /// Behind the last update.
    pub(crate) parameters: Vec<Vec<f64>>,
    /// Behind the last part.
    pub(crate) state: Vec<Vec<f64>>,
}

/// An update rule and its constants.
#[derive(Clone, Copy, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum Optimizer {
    AdamW {
        learning_rate: f64,
        betas: [f64; 2],
        epsilon: f64,
        weight_decay: f64,
    },
    Sgd {
        learning_rate: f64,
        momentum: f64,
        weight_decay: f64,
    },
}

impl Optimizer {
    pub(crate) fn learning_rate(self) -> f64 {
        match self {
            Optimizer::AdamW { learning_rate, .. } | Optimizer::Sgd { learning_rate, .. } => {
                learning_rate
            }
        }
    }

    pub(crate) fn config(self) -> OptimizerConfig {
        match self {
            Optimizer::AdamW {
                betas,
                epsilon,
                weight_decay,
                ..
            } => OptimizerConfig::AdamW {
                betas,
                epsilon,
                weight_decay,
            },
            Optimizer::Sgd {
                momentum,
                weight_decay,
                ..
            } => OptimizerConfig::Sgd {
                momentum,
                weight_decay,
            },
        }
    }
}

/// A schedule over a number of updates.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Plan {
    decay: Decay,
    warmup: Warmup,
    total: u64,
}

impl Plan {
    pub(crate) fn schedule(self) -> Schedule {
        ScheduleConfig {
            decay: self.decay,
            warmup: self.warmup,
        }
        .over(self.total)
    }
}

/// `updates.json`.
#[derive(Deserialize)]
pub(crate) struct UpdatesFile {
    pub(crate) parameters: Vec<UpdatedParameter>,
    /// By update and parameter.
    pub(crate) gradients: Vec<Vec<Vec<f64>>>,
    pub(crate) schedule: Plan,
    pub(crate) cases: Vec<UpdateCase>,
}

/// A parameter without a model.
#[derive(Deserialize)]
pub(crate) struct UpdatedParameter {
    pub(crate) name: String,
    pub(crate) decay: bool,
    pub(crate) learning_rate_scale: f32,
    pub(crate) values: Vec<f64>,
}

/// What an update rule makes of the parameters.
#[derive(Deserialize)]
pub(crate) struct UpdateCase {
    pub(crate) name: String,
    pub(crate) optimizer: Optimizer,
    pub(crate) clip_norm: Option<f32>,
    /// The values, by update and parameter.
    pub(crate) after: Vec<Vec<Vec<f64>>>,
}

/// `schedules.json`.
#[derive(Deserialize)]
pub(crate) struct SchedulesFile {
    pub(crate) learning_rate: f64,
    pub(crate) cases: Vec<ScheduleCase>,
}

/// The learning rates of the first, second ... update.
#[derive(Deserialize)]
pub(crate) struct ScheduleCase {
    pub(crate) schedule: Plan,
    pub(crate) rates: Vec<f64>,
}

/// Reads a file of this folder.
pub(crate) fn read<T: DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
