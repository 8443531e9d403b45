//! Runs of [`crate::relay`].

use limbeck_data::tagging::{Scheme, TagReadOptions};
use limbeck_data::words::WordOptions;
use serde::{Deserialize, Serialize};

use super::data::{DataConfig, Format};
use super::model::{
    Model, ModelKind, Norm, TokenizerConfig, TransformerConfig, TransformerPooling,
};
use super::stage::StageConfig;
use super::text_cnn::TextCnnConfig;
use super::values::{Extent, OffOr};
use crate::layerwise::Preset;
use crate::relay::{RelayOptions, read_options};
use crate::text::LabelSpace;

/// Two teachers and a student of [`crate::relay`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelayRun {
    /// Where unset options came from.
    pub preset: Preset,
    /// Seed of everything random but the data split.
    pub seed: u64,
    /// Also train the student on the original labels alone, for as many updates, for comparison.
    pub student_alone: bool,
    /// The labelled texts.
    pub data: DataConfig,
    /// How words are read, by all three models, where every word has a label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<WordsConfig>,
    /// Teacher A, which learns everything.
    pub teacher_a: Model,
    /// Teacher B, which learns what A gets wrong.
    pub teacher_b: Model,
    /// The student.
    pub student: TextCnnConfig,
    /// The options of the method.
    pub distillation: RelayOptions,
    /// How the models are trained.
    pub training: RelayTraining,
}

impl RelayRun {
    /// The defaults of a preset, for kinds of teachers and a format of data.
    pub fn defaults(preset: Preset, [a, b]: [ModelKind; 2], format: Format) -> Self {
        let of_kind = |kind| {
            let suits = match kind {
                // Its losses are not those of the solver that fits it to all texts at once.
                ModelKind::BagOfNgrams => StageConfig::bag_of_ngrams_in_batches(),
                kind => StageConfig::of_kind(kind),
            };
            match preset {
                Preset::Literal => StageConfig {
                    patience: OffOr::Off,
                    ..suits
                },
                Preset::Tuned => suits,
            }
        };
        Self {
            preset,
            seed: 1,
            student_alone: true,
            data: DataConfig::of_format(format),
            words: format.is_tagged().then(WordsConfig::default),
            teacher_a: Model::of_kind(a),
            teacher_b: Model::of_kind(b),
            student: TextCnnConfig::default(),
            distillation: RelayOptions::preset(preset),
            training: RelayTraining {
                teacher_a: of_kind(a),
                teacher_b: of_kind(b),
                student: of_kind(ModelKind::TextCnn),
                relay: of_kind(ModelKind::TextCnn).shortened(),
                last: of_kind(ModelKind::TextCnn).shortened(),
            },
        }
    }
}

/// How the models of [`crate::relay`] are trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelayTraining {
    /// Teacher A.
    pub teacher_a: StageConfig,
    /// Teacher B.
    pub teacher_b: StageConfig,
    /// The student on the original labels, before it sees any other.
    pub student: StageConfig,
    /// The student on relay labels.
    pub relay: StageConfig,
    /// The student on its final targets, if its loss on relay labels has not converged.
    pub last: StageConfig,
}

impl StageConfig {
    /// The settings of a model that goes on from where it was.
    fn shortened(self) -> Self {
        Self {
            length: Extent::Epochs(10),
            ..self
        }
    }
}

/// How words are read where every word has a label: section `[words]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WordsConfig {
    /// Words seen less often than this in the training sentences are known by their letters alone.
    pub min_count: u64,
    /// Largest number of words kept.
    pub vocabulary_size: usize,
    /// Width of the word vectors.
    pub size: usize,
    /// Letters read of a word.
    pub max_letters: usize,
    /// Width of the letter vectors.
    pub letter_size: usize,
    /// Channels of the convolution over letters; 0 leaves letters out.
    pub letter_channels: usize,
    /// Kernel width of that convolution.
    pub letter_kernel_size: usize,
    /// Width of the vectors of outward forms (capitals, digits ...); 0 leaves them out.
    pub form_size: usize,
    /// Dropout on the joined vectors.
    pub dropout: f64,
    /// A Transformer's input is made of this many neighbouring words.
    pub window: usize,
    /// Share of the tags before that a decoder does not get to read in training.
    pub symbol_dropout: f64,
    /// Learn scores of one tag after another.
    pub crf: bool,
}

impl Default for WordsConfig {
    fn default() -> Self {
        Self {
            min_count: 2,
            vocabulary_size: 50_000,
            size: 100,
            max_letters: 20,
            letter_size: 25,
            letter_channels: 50,
            letter_kernel_size: 3,
            form_size: 10,
            dropout: 0.3,
            window: 3,
            symbol_dropout: 0.5,
            crf: false,
        }
    }
}

impl WordsConfig {
    /// The options of the tables.
    pub(crate) fn options(&self, max_length: usize) -> WordOptions {
        WordOptions {
            min_count: self.min_count,
            vocabulary_size: self.vocabulary_size,
            max_letters: self.max_letters,
            max_length,
        }
    }
}

/// A model that labels every word: one of the other kinds over words with their letters. The recipe
/// makes it from the sections of a run file; it stands in the folder of a finished model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaggerConfig {
    /// Whether spans are keywords of a text.
    pub keywords: bool,
    /// What the prefixes of its tags mean.
    pub scheme: Scheme,
    /// The format of the files it was trained on, and where these have words and tags.
    pub read: TagReadOptions,
    /// Longest sentence read, in words.
    pub max_length: usize,
    /// How words are read.
    pub words: WordsConfig,
    /// What makes a vector for every position.
    pub trunk: Box<Model>,
}

impl TaggerConfig {
    /// A model over words that are read like this, each of which gets a label; the model itself, where
    /// the text gets one.
    pub(crate) fn over(
        model: &Model,
        words: Option<WordsConfig>,
        data: &DataConfig,
        space: &LabelSpace,
    ) -> Model {
        match words {
            None => model.clone(),
            Some(words) => Model::Tagger(TaggerConfig {
                keywords: data.format.is_keywords(),
                scheme: space.scheme().unwrap_or(Scheme::None),
                read: read_options(data),
                max_length: data.max_length,
                words,
                trunk: Box::new(model.clone()),
            }),
        }
    }
}

/// Sizes of a Transformer encoder and decoder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seq2seqConfig {
    /// Width of the states, d.
    pub hidden_size: usize,
    /// Number of layers of the encoder.
    pub layers: usize,
    /// Number of layers of the decoder.
    pub decoder_layers: usize,
    /// Attention heads; they divide `hidden_size`.
    pub heads: usize,
    /// Width of the feed-forward layers.
    pub feed_forward_size: usize,
    /// Dropout on embeddings, sub-layer outputs and before the scores.
    pub dropout: f64,
    /// Dropout on attention weights.
    pub attention_dropout: f64,
    /// Where layer normalisation stands.
    pub norm: Norm,
    /// Number of learned positions: the longest text the model can read, in tokens.
    pub max_positions: usize,
    /// Whether layers keep only their inputs in training and compute the rest again on the way back:
    /// less memory, more time, the same numbers.
    #[serde(default)]
    pub gradient_checkpointing: bool,
    /// Its tokeniser.
    pub tokenizer: TokenizerConfig,
}

impl Default for Seq2seqConfig {
    fn default() -> Self {
        let encoder = TransformerConfig::default();
        Self {
            hidden_size: encoder.hidden_size,
            layers: encoder.layers,
            decoder_layers: 2,
            heads: encoder.heads,
            feed_forward_size: encoder.feed_forward_size,
            dropout: encoder.dropout,
            attention_dropout: encoder.attention_dropout,
            norm: encoder.norm,
            max_positions: encoder.max_positions,
            gradient_checkpointing: encoder.gradient_checkpointing,
            tokenizer: encoder.tokenizer,
        }
    }
}

impl Seq2seqConfig {
    /// The sizes of its encoder.
    pub fn encoder(&self) -> TransformerConfig {
        TransformerConfig {
            hidden_size: self.hidden_size,
            layers: self.layers,
            heads: self.heads,
            feed_forward_size: self.feed_forward_size,
            dropout: self.dropout,
            attention_dropout: self.attention_dropout,
            norm: self.norm,
            max_positions: self.max_positions,
            gradient_checkpointing: self.gradient_checkpointing,
            tokenizer: self.tokenizer,
            pooling: TransformerPooling::Mean,
        }
    }
}
