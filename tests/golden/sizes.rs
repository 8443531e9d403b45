//! The models' sizes and choices, as the files name them.

use limbeck::engine::Fingerprint;
use limbeck::models::language::{LanguageModelConfig, LnZ, Unit};
use limbeck::models::{
    Aggregation, GatedGraphConfig, Head, LayerFunctions, NetworkKind, NormPosition, Seq2SeqConfig,
    StackConfig, TextCnnConfig, TextLevelGraphConfig, TextPooling, TimePooling, Topology,
    TransformerConfig,
};
use serde::Deserialize;

use crate::networks::{SpeechSizes, UNetSizes};

/// The vocabulary all files share.
pub(crate) const VOCABULARY: Fingerprint = Fingerprint(11);

/// The model of a file.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Model {
    Transformer(TransformerSizes),
    Seq2Seq(Seq2SeqSizes),
    TextCnn(TextCnnSizes),
    TextGraph(TextGraphSizes),
    TextLevel(TextLevelSizes),
    Corpus(CorpusSizes),
    UNet(UNetSizes),
    Speech(SpeechSizes),
}

/// A Transformer encoder classifier.
#[derive(Deserialize)]
pub(crate) struct TransformerSizes {
    vocabulary_size: usize,
    classes: usize,
    hidden_size: usize,
    layers: usize,
    heads: usize,
    feed_forward_size: usize,
    max_positions: usize,
    norm: Norm,
    pooling: String,
    /// Empty where the classifier reads the pooled last layer.
    projected_layers: Vec<usize>,
    projected_size: usize,
}

/// A Transformer encoder and decoder.
#[derive(Deserialize)]
pub(crate) struct Seq2SeqSizes {
    vocabulary_size: usize,
    classes: usize,
    hidden_size: usize,
    encoder_layers: usize,
    decoder_layers: usize,
    heads: usize,
    feed_forward_size: usize,
    max_positions: usize,
    norm: Norm,
}

/// A Transformer decoder alone.
#[derive(Deserialize)]
pub(crate) struct DecoderSizes {
    pub(crate) hidden_size: usize,
    layers: usize,
    heads: usize,
    feed_forward_size: usize,
    norm: Norm,
}

/// Where layer normalisation stands.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Norm {
    Pre,
    Post,
}

/// A TextCNN.
#[derive(Deserialize)]
pub(crate) struct TextCnnSizes {
    vocabulary_size: usize,
    classes: usize,
    embedding_size: usize,
    channels: usize,
    kernel_sizes: Vec<usize>,
    topology: String,
    pooling: String,
}

/// A gated graph network.
#[derive(Deserialize)]
pub(crate) struct TextGraphSizes {
    vocabulary_size: usize,
    classes: usize,
    embedding_size: usize,
    hidden_size: usize,
    steps: usize,
    /// Tokens that share a window of this width are joined.
    pub(crate) window: usize,
    aggregation: String,
}

/// A text-level graph network.
#[derive(Deserialize)]
pub(crate) struct TextLevelSizes {
    vocabulary_size: usize,
    classes: usize,
    hidden_size: usize,
    /// Tokens at most this far apart are joined.
    pub(crate) reach: usize,
    /// Pairs seen less often share edge 0.
    pub(crate) min_count: u64,
    /// Number of edges that the script counted, edge 0 included.
    edges: usize,
}

/// A network over one graph of all texts.
#[derive(Deserialize)]
pub(crate) struct CorpusSizes {
    pub(crate) vocabulary_size: usize,
    pub(crate) classes: usize,
    /// Width of the windows in which words occur together.
    pub(crate) window: usize,
    /// The texts of the batch; the others are in the graph alone.
    pub(crate) labelled: Vec<usize>,
    network: Network,
}

/// The network, and its one size.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Network {
    Convolution { hidden_size: usize },
    Simple { hops: usize },
}

/// A recurrent language model.
#[derive(Deserialize)]
pub(crate) struct LanguageSizes {
    unit: String,
    vocabulary_size: usize,
    layers: usize,
    embedding_size: usize,
    hidden_size: usize,
    tied: bool,
    ln_z: Normaliser,
}

/// The logarithm of the normaliser.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Normaliser {
    Constant(f64),
    Learned(f64),
}

impl TransformerSizes {
    pub(crate) fn config(&self) -> TransformerConfig {
        let layers = self.projected_layers.clone();
        TransformerConfig {
            vocabulary_size: self.vocabulary_size,
            vocabulary: VOCABULARY,
            classes: self.classes,
            hidden_size: self.hidden_size,
            layers: self.layers,
            heads: self.heads,
            feed_forward_size: self.feed_forward_size,
            dropout: 0.0,
            attention_dropout: 0.0,
            norm: self.norm.position(),
            functions: LayerFunctions::default(),
            gradient_checkpointing: false,
            pooling: match self.pooling.as_str() {
                "mean" => TextPooling::Mean,
                "first" => TextPooling::First,
                other => panic!("pooling {other}"),
            },
            max_positions: self.max_positions,
            head: match layers.is_empty() {
                true => Head::Pooled,
                false => Head::Projected {
                    layers,
                    size: self.projected_size,
                    embedding_size: None,
                },
            },
        }
    }
}

impl Norm {
    fn position(self) -> NormPosition {
        match self {
            Norm::Pre => NormPosition::Pre,
            Norm::Post => NormPosition::Post,
        }
    }
}

impl Seq2SeqSizes {
    pub(crate) fn config(&self) -> Seq2SeqConfig {
        Seq2SeqConfig {
            vocabulary_size: self.vocabulary_size,
            vocabulary: VOCABULARY,
            classes: self.classes,
            hidden_size: self.hidden_size,
            encoder_layers: self.encoder_layers,
            decoder_layers: self.decoder_layers,
            heads: self.heads,
            feed_forward_size: self.feed_forward_size,
            dropout: 0.0,
            attention_dropout: 0.0,
            norm: self.norm.position(),
            gradient_checkpointing: false,
            max_positions: self.max_positions,
        }
    }
}

impl DecoderSizes {
    pub(crate) fn config(&self) -> StackConfig {
        StackConfig {
            hidden_size: self.hidden_size,
            layers: self.layers,
            heads: self.heads,
            feed_forward_size: self.feed_forward_size,
            dropout: 0.0,
            attention_dropout: 0.0,
            norm: self.norm.position(),
            functions: LayerFunctions::default(),
            gradient_checkpointing: false,
        }
    }
}

impl TextCnnSizes {
    pub(crate) fn config(&self) -> TextCnnConfig {
        TextCnnConfig {
            vocabulary_size: self.vocabulary_size,
            vocabulary: VOCABULARY,
            classes: self.classes,
            embedding_size: self.embedding_size,
            channels: self.channels,
            kernel_sizes: self.kernel_sizes.clone(),
            topology: topology(&self.topology),
            pooling: match self.pooling.as_str() {
                "max" => TimePooling::Max,
                "max_mean" => TimePooling::MaxMean,
                other => panic!("pooling {other}"),
            },
            dropout: 0.0,
            max_length: 16,
        }
    }
}

pub(crate) fn topology(name: &str) -> Topology {
    match name {
        "stacked" => Topology::Stacked,
        "parallel" => Topology::Parallel,
        other => panic!("topology {other}"),
    }
}

impl TextGraphSizes {
    pub(crate) fn config(&self) -> GatedGraphConfig {
        GatedGraphConfig {
            vocabulary_size: self.vocabulary_size,
            vocabulary: VOCABULARY,
            classes: self.classes,
            embedding_size: self.embedding_size,
            hidden_size: self.hidden_size,
            steps: self.steps,
            aggregation: match self.aggregation.as_str() {
                "weighted" => Aggregation::Weighted,
                "attention" => Aggregation::Attention,
                other => panic!("aggregation {other}"),
            },
            dropout: 0.0,
        }
    }
}

impl TextLevelSizes {
    pub(crate) fn config(&self) -> TextLevelGraphConfig {
        TextLevelGraphConfig {
            vocabulary_size: self.vocabulary_size,
            vocabulary: VOCABULARY,
            edges: self.edges,
            classes: self.classes,
            hidden_size: self.hidden_size,
            dropout: 0.0,
        }
    }
}

impl CorpusSizes {
    pub(crate) fn kind(&self) -> NetworkKind {
        match self.network {
            Network::Convolution { hidden_size } => NetworkKind::Convolution { hidden_size },
            Network::Simple { hops } => NetworkKind::Simple { hops },
        }
    }
}

impl LanguageSizes {
    pub(crate) fn config(&self, row_sparse: bool) -> LanguageModelConfig {
        LanguageModelConfig {
            vocabulary_size: self.vocabulary_size,
            vocabulary: VOCABULARY,
            unit: match self.unit.as_str() {
                "lstm" => Unit::Lstm,
                "gru" => Unit::Gru,
                "rnn" => Unit::Rnn,
                other => panic!("unit {other}"),
            },
            layers: self.layers,
            embedding_size: self.embedding_size,
            hidden_size: self.hidden_size,
            dropout: 0.0,
            variational: false,
            weight_drop: 0.0,
            tied: self.tied,
            initial_range: 0.1,
            row_sparse,
            ln_z: match self.ln_z {
                Normaliser::Constant(value) => LnZ::Constant(value),
                Normaliser::Learned(value) => LnZ::Learned(value),
            },
        }
    }

    /// Before the file's parameters are loaded.
    pub(crate) fn output_bias(&self) -> Vec<f64> {
        vec![0.0; self.vocabulary_size]
    }
}
