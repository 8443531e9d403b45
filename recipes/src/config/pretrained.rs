//! A pretrained encoder: `kind = "pretrained"`.

use std::path::PathBuf;

use limbeck_kernels::Activation;
use serde::{Deserialize, Serialize};

use super::model::TransformerPooling;

/// A pretrained encoder with a new classifier, to be trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PretrainedConfig {
    /// A folder as Hugging Face has them, or one that `limbeck import` wrote.
    pub dir: PathBuf,
    /// What the classifier reads.
    pub pooling: TransformerPooling,
    /// Dropout on embeddings, sub-layer outputs and the pooled vector.
    pub dropout: f64,
    /// Dropout on attention weights.
    pub attention_dropout: f64,
    /// Factor on the learning rate from each layer to the one below it, the embeddings below the
    /// first.
    pub layer_decay: f64,
    /// Whether the embeddings (tokens, positions and their norm) stay as they are.
    pub frozen_embeddings: bool,
    /// So many of the lowest layers stay as they are.
    pub frozen_layers: usize,
    /// Whether layers keep only their inputs in training and compute the rest again on the way back:
    /// less memory, more time, the same numbers.
    #[serde(default)]
    pub gradient_checkpointing: bool,
    /// What the folder says of the encoder; no setting, but part of a settled run, which can be read
    /// without the folder.
    pub encoder: PretrainedSizes,
}

impl Default for PretrainedConfig {
    /// No folder yet.
    fn default() -> Self {
        Self {
            dir: PathBuf::new(),
            pooling: TransformerPooling::Mean,
            dropout: 0.1,
            attention_dropout: 0.1,
            layer_decay: 0.9,
            frozen_embeddings: false,
            frozen_layers: 0,
            gradient_checkpointing: false,
            encoder: PretrainedSizes {
                hidden_size: 384,
                layers: 6,
                heads: 12,
                feed_forward_size: 1536,
                max_positions: 512,
                norm_epsilon: 1e-12,
                activation: PretrainedActivation::Gelu,
            },
        }
    }
}

/// Sizes of a pretrained encoder. Its layers have their norms behind the residual sums.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PretrainedSizes {
    /// Width of the states.
    pub hidden_size: usize,
    /// Number of layers.
    pub layers: usize,
    /// Attention heads.
    pub heads: usize,
    /// Width of the feed-forward layer.
    pub feed_forward_size: usize,
    /// Longest text, in tokens.
    pub max_positions: usize,
    /// Added to the variance in layer norms.
    pub norm_epsilon: f64,
    /// Between the two maps of the feed-forward layer.
    pub activation: PretrainedActivation,
}

/// Activations of pretrained encoders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PretrainedActivation {
    /// x Φ(x), exact.
    Gelu,
    /// Its approximation by tanh.
    GeluTanh,
    /// max(x, 0).
    Relu,
}

impl From<PretrainedActivation> for Activation {
    fn from(activation: PretrainedActivation) -> Self {
        match activation {
            PretrainedActivation::Gelu => Self::Gelu,
            PretrainedActivation::GeluTanh => Self::GeluTanh,
            PretrainedActivation::Relu => Self::Relu,
        }
    }
}
