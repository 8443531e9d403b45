//! The files as the scripts write them.

use std::path::Path;

use limbeck::training::optimizer::OptimizerConfig;
use limbeck::training::schedule::{Decay, Schedule, ScheduleConfig, Warmup};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::sizes::Model;

/// A model: `transformer_*.json`, `text_cnn_*.json`.
#[derive(Deserialize)]
pub(crate) struct ModelFile {
    pub(crate) model: Model,
    pub(crate) texts: Vec<Vec<u32>>,
    pub(crate) labels: Vec<u32>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) logits: Vec<f64>,
    pub(crate) loss: f64,
    pub(crate) training: Vec<Training>,
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
