//! Architectures: sections `[model]`, `[teacher]`, `[student]` and `[beside_teacher]`.

use limbeck_data::Unit;
use limbeck_data::tokenize::TokenizerKind;
use serde::{Deserialize, Serialize};

use super::graph::{CorpusGraphConfig, SgcConfig, TextGraphConfig, TextLevelConfig};
use super::pretrained::PretrainedConfig;
use super::relay::{Seq2seqConfig, TaggerConfig};
use super::scores::ScoresConfig;
use super::text_cnn::TextCnnConfig;
use super::units::{SpeechConfig, UnetConfig};
use super::values::OffOr;

/// A model and its sizes, chosen by the key `kind`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Model {
    /// Transformer encoder with a classifier.
    Transformer(TransformerConfig),
    /// Convolutions over word vectors.
    TextCnn(TextCnnConfig),
    /// Weighted n-gram counts under a linear or one-hidden-layer classifier.
    BagOfNgrams(BagOfNgramsConfig),
    /// A gated network over the graph of a text.
    TextGraph(TextGraphConfig),
    /// A network over the graph of a text whose edges learn weights.
    TextLevel(TextLevelConfig),
    /// A convolution over one graph of all documents and words.
    Corpus(CorpusGraphConfig),
    /// A linear model over that graph.
    Sgc(SgcConfig),
    /// Transformer encoder and decoder, which writes the label.
    Seq2seq(Seq2seqConfig),
    /// A U-Net over pictures.
    Unet(UnetConfig),
    /// A network over frames of speech.
    Speech(SpeechConfig),
    /// An encoder that was trained elsewhere, with a new classifier.
    Pretrained(PretrainedConfig),
    /// Scores that are there already, in a file.
    File(ScoresConfig),
    /// One of the others over words, each of which gets a label. No run file asks for it by name.
    Tagger(TaggerConfig),
}

/// The kinds of [`Model`], as they are written in a run file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelKind {
    /// [`Model::Transformer`].
    Transformer,
    /// [`Model::TextCnn`].
    TextCnn,
    /// [`Model::BagOfNgrams`].
    BagOfNgrams,
    /// [`Model::TextGraph`].
    TextGraph,
    /// [`Model::TextLevel`].
    TextLevel,
    /// [`Model::Corpus`].
    Corpus,
    /// [`Model::Sgc`].
    Sgc,
    /// [`Model::Seq2seq`].
    Seq2seq,
    /// [`Model::Unet`].
    Unet,
    /// [`Model::Speech`].
    Speech,
    /// [`Model::Pretrained`].
    Pretrained,
    /// [`Model::File`].
    File,
}

impl Model {
    /// The default sizes of a kind.
    pub fn of_kind(kind: ModelKind) -> Self {
        match kind {
            ModelKind::Transformer => Self::Transformer(TransformerConfig::default()),
            ModelKind::TextCnn => Self::TextCnn(TextCnnConfig::default()),
            ModelKind::BagOfNgrams => Self::BagOfNgrams(BagOfNgramsConfig::default()),
            ModelKind::TextGraph => Self::TextGraph(TextGraphConfig::default()),
            ModelKind::TextLevel => Self::TextLevel(TextLevelConfig::default()),
            ModelKind::Corpus => Self::Corpus(CorpusGraphConfig::default()),
            ModelKind::Sgc => Self::Sgc(SgcConfig::default()),
            ModelKind::Seq2seq => Self::Seq2seq(Seq2seqConfig::default()),
            ModelKind::Unet => Self::Unet(UnetConfig::default()),
            ModelKind::Speech => Self::Speech(SpeechConfig::default()),
            ModelKind::Pretrained => Self::Pretrained(PretrainedConfig::default()),
            ModelKind::File => Self::File(ScoresConfig::default()),
        }
    }

    /// The kind; of a tagger, of what makes its vectors.
    pub fn kind(&self) -> ModelKind {
        match self {
            Self::Transformer(_) => ModelKind::Transformer,
            Self::TextCnn(_) => ModelKind::TextCnn,
            Self::BagOfNgrams(_) => ModelKind::BagOfNgrams,
            Self::TextGraph(_) => ModelKind::TextGraph,
            Self::TextLevel(_) => ModelKind::TextLevel,
            Self::Corpus(_) => ModelKind::Corpus,
            Self::Sgc(_) => ModelKind::Sgc,
            Self::Seq2seq(_) => ModelKind::Seq2seq,
            Self::Unet(_) => ModelKind::Unet,
            Self::Speech(_) => ModelKind::Speech,
            Self::Pretrained(_) => ModelKind::Pretrained,
            Self::File(_) => ModelKind::File,
            Self::Tagger(config) => config.trunk.kind(),
        }
    }
}

impl Model {
    /// Whether it answers otherwise in training than it does at last.
    pub fn has_dropout(&self) -> bool {
        match self {
            Self::Unet(config) => config.dropout > 0.0,
            Self::Speech(config) => config.dropout > 0.0,
            // Most of the others have several rates.
            _ => true,
        }
    }

    /// Whether the texts it is tested on take part, without labels, in its training.
    pub fn is_transductive(&self) -> bool {
        matches!(self, Self::Corpus(_) | Self::Sgc(_))
    }

    /// The layers of a Transformer encoder with a classifier, whose states others can be compared with.
    pub fn encoder_layers(&self) -> Option<EncoderLayers> {
        let (layers, hidden_size) = match self {
            Self::Transformer(config) => (config.layers, config.hidden_size),
            Self::Pretrained(config) => (config.encoder.layers, config.encoder.hidden_size),
            _ => return None,
        };
        Some(EncoderLayers {
            layers,
            hidden_size,
        })
    }

    /// The same model with one value of C instead of those to choose from, if it has any.
    #[must_use]
    pub fn with_c(&self, c: Option<f64>) -> Self {
        let mut model = self.clone();
        if let (Self::BagOfNgrams(config), Some(c)) = (&mut model, c) {
            config.c = vec![c];
        }
        model
    }
}

/// How deep an encoder is, and how wide its states are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncoderLayers {
    /// Number of layers.
    pub layers: usize,
    /// Width of the states.
    pub hidden_size: usize,
}

/// How text becomes token ids, and how large the vocabulary may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenizerConfig {
    /// The unit.
    pub kind: TokenizerKind,
    /// Units seen less often than this in the training texts become the unknown token.
    pub min_count: u64,
    /// Largest number of units kept (the target size of `bpe` and `wordpiece`).
    pub vocabulary_size: usize,
}

impl Default for TokenizerConfig {
    fn default() -> Self {
        Self {
            kind: TokenizerKind::Word,
            min_count: 2,
            vocabulary_size: 50_000,
        }
    }
}

/// Sizes of a Transformer encoder classifier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransformerConfig {
    /// Width of the states, d.
    pub hidden_size: usize,
    /// Number of layers, L.
    pub layers: usize,
    /// Attention heads; they divide `hidden_size`.
    pub heads: usize,
    /// Width of the feed-forward layer.
    pub feed_forward_size: usize,
    /// Dropout on embeddings, sub-layer outputs and the pooled vector.
    pub dropout: f64,
    /// Dropout on attention weights.
    pub attention_dropout: f64,
    /// Where layer normalisation stands.
    pub norm: Norm,
    /// What the classifier reads.
    pub pooling: TransformerPooling,
    /// Number of learned positions: the longest text the model can read, in tokens.
    pub max_positions: usize,
    /// Whether layers keep only their inputs in training and compute the rest again on the way back:
    /// less memory, more time, the same numbers.
    #[serde(default)]
    pub gradient_checkpointing: bool,
    /// Its tokeniser.
    pub tokenizer: TokenizerConfig,
}

impl Default for TransformerConfig {
    fn default() -> Self {
        Self {
            hidden_size: 128,
            layers: 4,
            heads: 4,
            feed_forward_size: 512,
            dropout: 0.1,
            attention_dropout: 0.0,
            norm: Norm::Pre,
            pooling: TransformerPooling::Mean,
            max_positions: 256,
            gradient_checkpointing: false,
            tokenizer: TokenizerConfig::default(),
        }
    }
}

/// Where layer normalisation stands in a Transformer layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Norm {
    /// Before each sub-layer, and once after the last layer.
    Pre,
    /// After each residual sum, as first published.
    Post,
}

/// What a Transformer's classifier reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransformerPooling {
    /// The mean over the text's tokens.
    Mean,
    /// The state of the first token.
    First,
}

/// Sizes of a bag-of-n-grams classifier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BagOfNgramsConfig {
    /// What an n-gram is made of.
    pub unit: Unit,
    /// Shortest and longest n-gram.
    pub ngrams: [usize; 2],
    /// Which training texts n-grams and their rarity are counted in.
    pub vocabulary: NgramVocabulary,
    /// N-grams seen in fewer of these texts than this are ignored (not used with hashing).
    pub min_count: usize,
    /// Hash n-grams into 2^bits rows instead of counting a vocabulary.
    pub hash_bits: OffOr<u32>,
    /// Use 1 + ln(count) in place of the count.
    pub sublinear: bool,
    /// Width of the hidden layer; 0 makes the model linear.
    pub hidden_size: usize,
    /// Dropout on the hidden layer.
    pub dropout: f64,
    /// What training minimises.
    pub loss: BagLoss,
    /// With `optimizer = "conjugate_gradient"`: the values of C in ½‖W‖² + C Σ loss, rising; the one
    /// that is best on dev stays.
    pub c: Vec<f64>,
    /// With `optimizer = "conjugate_gradient"`: a fit ends once the gradient's norm is this share
    /// of the first one's.
    pub tolerance: f64,
}

impl BagOfNgramsConfig {
    /// The defaults for a loss.
    pub fn of_loss(loss: BagLoss) -> Self {
        Self {
            loss,
            c: match loss {
                BagLoss::Hinge => vec![0.1, 1.0, 10.0],
                BagLoss::Softmax => vec![1.0, 10.0, 100.0],
            },
            ..Self::default()
        }
    }

    /// Whether scores are linear in the counts, so that the loss is convex.
    pub fn is_linear(&self) -> bool {
        self.hidden_size == 0
    }
}

impl Default for BagOfNgramsConfig {
    fn default() -> Self {
        Self {
            unit: Unit::Word,
            ngrams: [1, 2],
            vocabulary: NgramVocabulary::Labelled,
            min_count: 1,
            hash_bits: OffOr::Off,
            sublinear: true,
            hidden_size: 0,
            dropout: 0.0,
            loss: BagLoss::Hinge,
            c: vec![0.1, 1.0, 10.0],
            tolerance: 3e-4,
        }
    }
}

/// The texts that the n-grams of a model are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NgramVocabulary {
    /// Those the model is trained on: a text's length is then that of what the model knows of it.
    Labelled,
    /// All training texts, those without labels included.
    All,
}

/// What a bag-of-n-grams classifier minimises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BagLoss {
    /// Cross-entropy, as logistic regression does.
    Softmax,
    /// One-vs-rest squared hinge, as a linear support vector machine does.
    Hinge,
}
