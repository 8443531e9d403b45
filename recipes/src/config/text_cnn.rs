//! Convolutions over word vectors: `kind = "text_cnn"`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::model::TokenizerConfig;

/// Sizes of a TextCNN.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextCnnConfig {
    /// How the convolution blocks are connected.
    pub topology: Topology,
    /// Width of the word vectors.
    pub embedding_size: usize,
    /// A file of word vectors to start from, of `embedding_size` numbers each; empty for random ones.
    #[serde(default)]
    pub embeddings: PathBuf,
    /// Whether the word vectors stay as they are.
    #[serde(default)]
    pub freeze_embeddings: bool,
    /// Output channels of every block.
    pub channels: usize,
    /// Kernel width of every block, in order of depth.
    pub kernel_sizes: Vec<usize>,
    /// How a block's outputs become one vector per text.
    pub pooling: TextCnnPooling,
    /// Dropout before the classifier.
    pub dropout: f64,
    /// Its tokeniser.
    pub tokenizer: TokenizerConfig,
}

impl Default for TextCnnConfig {
    fn default() -> Self {
        Self {
            topology: Topology::Parallel,
            embedding_size: 128,
            embeddings: PathBuf::new(),
            freeze_embeddings: false,
            channels: 100,
            kernel_sizes: vec![3, 4, 5],
            pooling: TextCnnPooling::Max,
            dropout: 0.5,
            tokenizer: TokenizerConfig::default(),
        }
    }
}

impl TextCnnConfig {
    /// The default student of `layerwise`: as many stacked blocks as the default teacher has
    /// layers, with kernel widths that grow with depth.
    pub fn student() -> Self {
        Self {
            topology: Topology::Stacked,
            channels: 72,
            kernel_sizes: vec![2, 3, 4, 5],
            ..Self::default()
        }
    }
}

/// How the convolution blocks of a TextCNN are connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topology {
    /// Block k reads block k-1, with residual connections.
    Stacked,
    /// Every block reads the word vectors (Kim 2014).
    Parallel,
}

/// How the outputs of a convolution block become one vector per text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextCnnPooling {
    /// The largest value over time.
    Max,
    /// The mean over time.
    Mean,
    /// Both, projected back to the number of channels.
    MaxMean,
}
