//! Sizes and choices of a Transformer encoder.

use limbeck_engine::{Error, Fingerprint, Result};
use limbeck_kernels::Activation;

use crate::pooling::TextPooling;

/// Where layer normalisation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormPosition {
    /// Before each sub-layer, and once after the last layer.
    Pre,
    /// After each residual sum, as first published.
    Post,
}

/// What the classifier reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Head {
    /// The pooled output of the last layer.
    Pooled,
    /// The pooled outputs of these layers (from 1, ascending), each projected to `size` and all
    /// joined: the projections of layer-wise distillation, trained with the teacher itself.
    Projected {
        /// The layers, counted from 1.
        layers: Vec<usize>,
        /// Width after projection.
        size: usize,
        /// Width of the projected, pooled embedding, which is joined before the layers; `None`
        /// leaves it out.
        embedding_size: Option<usize>,
    },
}

/// What is computed inside of layers; pretrained weights want the functions they were made with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerFunctions {
    /// Added to the variance in layer norms.
    pub norm_epsilon: f32,
    /// Between the two maps of the feed-forward layer.
    pub activation: Activation,
}

impl Default for LayerFunctions {
    /// An epsilon of 1e-5, and the exact form of GELU.
    fn default() -> Self {
        LayerFunctions {
            norm_epsilon: 1e-5,
            activation: Activation::Gelu,
        }
    }
}

/// Sizes of a Transformer encoder classifier.
#[derive(Clone, Debug, PartialEq)]
pub struct TransformerConfig {
    /// Number of token ids.
    pub vocabulary_size: usize,
    /// The vocabulary the ids belong to.
    pub vocabulary: Fingerprint,
    /// Number of classes.
    pub classes: usize,
    /// Width of the states.
    pub hidden_size: usize,
    /// Number of layers.
    pub layers: usize,
    /// Attention heads; they divide `hidden_size`.
    pub heads: usize,
    /// Width of the feed-forward layer.
    pub feed_forward_size: usize,
    /// Dropout on embeddings, sub-layer outputs and the pooled vector.
    pub dropout: f64,
    /// Dropout on attention probabilities.
    pub attention_dropout: f64,
    /// Where layer normalisation stands.
    pub norm: NormPosition,
    /// What is computed inside of the layers.
    pub functions: LayerFunctions,
    /// Whether the layers keep only their inputs and compute the rest again on the way back
    /// ([`Tape::checkpoint`](limbeck_engine::Tape::checkpoint)): less memory, the same numbers.
    pub gradient_checkpointing: bool,
    /// How one vector is made of a text's states.
    pub pooling: TextPooling,
    /// Number of learned positions: longer texts are cut.
    pub max_positions: usize,
    /// What the classifier reads.
    pub head: Head,
}

/// Sizes of a stack of Transformer layers: an encoder's or a decoder's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StackConfig {
    /// Width of the states.
    pub hidden_size: usize,
    /// Number of layers.
    pub layers: usize,
    /// Attention heads; they divide `hidden_size`.
    pub heads: usize,
    /// Width of the feed-forward layer.
    pub feed_forward_size: usize,
    /// Dropout on embeddings and sub-layer outputs.
    pub dropout: f64,
    /// Dropout on attention probabilities.
    pub attention_dropout: f64,
    /// Where layer normalisation stands.
    pub norm: NormPosition,
    /// What is computed inside of the layers.
    pub functions: LayerFunctions,
    /// Whether the layers keep only their inputs and compute the rest again on the way back
    /// ([`Tape::checkpoint`](limbeck_engine::Tape::checkpoint)): less memory, the same numbers.
    pub gradient_checkpointing: bool,
}

pub(crate) fn refuse<T>(message: String) -> Result<T> {
    Err(Error::Shape {
        operator: "transformer",
        message,
    })
}

/// Refuses sizes of 0.
pub(crate) fn at_least_one(sizes: &[(&str, usize)]) -> Result<()> {
    match sizes.iter().find(|(_, size)| *size == 0) {
        Some((name, _)) => refuse(format!("{name} must be at least 1")),
        None => Ok(()),
    }
}

impl StackConfig {
    pub(super) fn check(&self) -> Result<()> {
        at_least_one(&[
            ("hidden_size", self.hidden_size),
            ("layers", self.layers),
            ("heads", self.heads),
            ("feed_forward_size", self.feed_forward_size),
        ])?;
        let epsilon = self.functions.norm_epsilon;
        if !(epsilon > 0.0 && epsilon.is_finite()) {
            return refuse(format!("norm_epsilon must be above 0, found {epsilon}"));
        }
        if self.hidden_size.is_multiple_of(self.heads) {
            return Ok(());
        }
        refuse(format!(
            "heads must divide hidden_size, found {} heads for {}",
            self.heads, self.hidden_size
        ))
    }
}

impl TransformerConfig {
    /// The sizes of its layers.
    pub(super) fn stack(&self) -> StackConfig {
        StackConfig {
            hidden_size: self.hidden_size,
            layers: self.layers,
            heads: self.heads,
            feed_forward_size: self.feed_forward_size,
            dropout: self.dropout,
            attention_dropout: self.attention_dropout,
            norm: self.norm,
            functions: self.functions,
            gradient_checkpointing: self.gradient_checkpointing,
        }
    }

    /// Refuses what is wrong besides the layers and positions, which the stack checks.
    pub(super) fn check(&self) -> Result<()> {
        at_least_one(&[
            ("vocabulary_size", self.vocabulary_size),
            ("classes", self.classes),
        ])?;
        if let Head::Projected {
            layers,
            size,
            embedding_size,
        } = &self.head
        {
            let ascending = layers.windows(2).all(|pair| pair[0] < pair[1]);
            let inside = layers.iter().all(|layer| (1..=self.layers).contains(layer));
            let empty = *size == 0 || *embedding_size == Some(0);
            if layers.is_empty() || !ascending || !inside || empty {
                return refuse(format!(
                    "projected layers must ascend within 1 to {}, to sizes of at least 1; found \
                     {layers:?}, size {size} and embedding size {embedding_size:?}",
                    self.layers
                ));
            }
        }
        Ok(())
    }
}
