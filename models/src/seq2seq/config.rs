//! Sizes and choices of an encoder-decoder classifier.

use limbeck_engine::{Fingerprint, Result};

use crate::transformer::{LayerFunctions, NormPosition, StackConfig, at_least_one};

/// Sizes of an encoder-decoder classifier.
#[derive(Clone, Debug, PartialEq)]
pub struct Seq2SeqConfig {
    /// Number of token ids.
    pub vocabulary_size: usize,
    /// The vocabulary the ids belong to.
    pub vocabulary: Fingerprint,
    /// Number of classes: the symbols that the decoder writes.
    pub classes: usize,
    /// Width of the states of encoder and decoder.
    pub hidden_size: usize,
    /// Number of encoder layers.
    pub encoder_layers: usize,
    /// Number of decoder layers.
    pub decoder_layers: usize,
    /// Attention heads; they divide `hidden_size`.
    pub heads: usize,
    /// Width of the feed-forward layers.
    pub feed_forward_size: usize,
    /// Dropout on embeddings, sub-layer outputs and the decoder's last state.
    pub dropout: f64,
    /// Dropout on attention probabilities.
    pub attention_dropout: f64,
    /// Where layer normalisation stands.
    pub norm: NormPosition,
    /// Whether the layers keep only their inputs and compute the rest again on the way back.
    pub gradient_checkpointing: bool,
    /// Number of learned positions: longer texts are cut.
    pub max_positions: usize,
}

impl Seq2SeqConfig {
    pub(super) fn encoder(&self) -> StackConfig {
        self.stack(self.encoder_layers)
    }

    pub(super) fn decoder(&self) -> StackConfig {
        self.stack(self.decoder_layers)
    }

    fn stack(&self, layers: usize) -> StackConfig {
        StackConfig {
            hidden_size: self.hidden_size,
            layers,
            heads: self.heads,
            feed_forward_size: self.feed_forward_size,
            dropout: self.dropout,
            attention_dropout: self.attention_dropout,
            norm: self.norm,
            functions: LayerFunctions::default(),
            gradient_checkpointing: self.gradient_checkpointing,
        }
    }

    /// Refuses what is wrong besides the sizes that encoder and decoder check.
    pub(super) fn check(&self) -> Result<()> {
        at_least_one(&[
            ("vocabulary_size", self.vocabulary_size),
            ("classes", self.classes),
            ("encoder_layers", self.encoder_layers),
            ("decoder_layers", self.decoder_layers),
        ])
    }
}
