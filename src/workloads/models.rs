//! The models of the workloads.

use limbeck_engine::{Device, Fingerprint};
use limbeck_models::{
    Classifier, Head, LayerFunctions, NormPosition, TextCnn, TextCnnConfig, TextPooling,
    TimePooling, Topology, Transformer, TransformerConfig,
};
use limbeck_training::Result;

pub(super) const VOCABULARY: Fingerprint = Fingerprint(1);
pub(super) const VOCABULARY_SIZE: usize = 8000;
pub(super) const LENGTH: usize = 64;
pub(super) const CLASSES: usize = 8;

/// A model of the canonical workloads; see [`super`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// The Transformer.
    W1,
    /// TextGCN.
    W2,
    /// Kim's TextCNN.
    W3,
    /// The residual TextCNN.
    W3b,
    /// The language model, trained with noise words.
    W4,
    /// The language model, trained with the softmax over all words.
    W4f,
}

impl Model {
    /// All of them.
    pub const ALL: [Model; 6] = [Self::W1, Self::W2, Self::W3, Self::W3b, Self::W4, Self::W4f];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::W1 => "w1",
            Self::W2 => "w2",
            Self::W3 => "w3",
            Self::W3b => "w3b",
            Self::W4 => "w4",
            Self::W4f => "w4f",
        }
    }

    /// Whether it is a language model.
    pub fn is_language_model(self) -> bool {
        matches!(self, Self::W4 | Self::W4f)
    }

    /// Whether it reads texts of any number, so that predictions of some can be timed.
    pub(super) fn reads_texts(self) -> bool {
        matches!(self, Self::W1 | Self::W3 | Self::W3b)
    }

    /// Texts in a training batch of a classifier.
    pub(super) fn batch_size(self) -> usize {
        match self {
            Self::W1 => 32,
            Self::W2 => 5000,
            _ => 64,
        }
    }

    pub(super) fn weight_decay(self) -> f64 {
        match self {
            Self::W1 => 0.01,
            _ => 0.0,
        }
    }

    /// The classifier with random weights.
    pub(super) fn build(
        self,
        dropout: Option<f64>,
        length: usize,
        device: &Device,
    ) -> Result<Box<dyn Classifier>> {
        let (topology, kernel_sizes, channels) = match self {
            Self::W1 => return transformer(dropout.unwrap_or(0.1), length, device),
            Self::W3 => (Topology::Parallel, vec![3, 4, 5], 100),
            _ => (Topology::Stacked, vec![3, 5, 7, 9], 128),
        };
        let config = TextCnnConfig {
            vocabulary_size: VOCABULARY_SIZE,
            vocabulary: VOCABULARY,
            classes: CLASSES,
            embedding_size: 128,
            channels,
            kernel_sizes,
            topology,
            pooling: TimePooling::Max,
            dropout: dropout.unwrap_or(0.5),
            max_length: length,
        };
        Ok(Box::new(TextCnn::new(config, 1, device)?))
    }
}

fn transformer(dropout: f64, length: usize, device: &Device) -> Result<Box<dyn Classifier>> {
    let config = TransformerConfig {
        vocabulary_size: VOCABULARY_SIZE,
        vocabulary: VOCABULARY,
        classes: CLASSES,
        hidden_size: 256,
        layers: 4,
        heads: 4,
        feed_forward_size: 1024,
        dropout,
        attention_dropout: dropout,
        norm: NormPosition::Post,
        functions: LayerFunctions::default(),
        gradient_checkpointing: false,
        pooling: TextPooling::Mean,
        max_positions: length,
        head: Head::Pooled,
    };
    Ok(Box::new(Transformer::new(config, 1, device)?))
}
