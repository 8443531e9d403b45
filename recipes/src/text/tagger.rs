//! Sequence taggers from their configuration.

use limbeck_data::words::{WORD_SHAPES, WordTable};
use limbeck_engine::{Device, Error, Result};
use limbeck_models::tagging::{
    Seq2SeqTrunk, Tagger, TaggerConfig, TextCnnTrunk, TransformerTrunk, TrunkConfig,
    WordInputConfig, WordText,
};
use limbeck_models::{self as models, Encoded};

use super::Encoder;
use crate::config::{self, Model, Norm, Topology, TransformerConfig, WordsConfig};

/// A sentence as a tagger reads it.
pub(super) fn encode(table: &WordTable, sentence: &str) -> Encoded {
    let words = table.encode(sentence);
    Encoded::Words(WordText {
        ids: words.ids,
        spellings: words.spellings,
        shapes: words.shapes,
        vocabulary: table.fingerprint(),
    })
}

/// The tagger that a configuration describes, with random weights.
pub(super) fn tagger_of(
    config: &config::TaggerConfig,
    encoder: &Encoder,
    tags: usize,
    seed: u64,
    device: &Device,
) -> Result<Tagger> {
    let Encoder::Words(table) = encoder else {
        return Err(Error::Mismatch(
            "a tagger needs the encoder of its words".into(),
        ));
    };
    let (trunk, dropout) = match &*config.trunk {
        Model::TextCnn(sizes) => {
            let trunk = TextCnnTrunk {
                channels: sizes.channels,
                kernel_sizes: sizes.kernel_sizes.clone(),
                topology: match sizes.topology {
                    Topology::Stacked => models::Topology::Stacked,
                    Topology::Parallel => models::Topology::Parallel,
                },
            };
            (TrunkConfig::TextCnn(trunk), sizes.dropout)
        }
        Model::Transformer(sizes) => (
            TrunkConfig::Transformer(stack(sizes, config.words.window)),
            sizes.dropout,
        ),
        Model::Seq2seq(sizes) => {
            let trunk = Seq2SeqTrunk {
                encoder: stack(&sizes.encoder(), config.words.window),
                decoder_layers: sizes.decoder_layers,
                symbol_dropout: config.words.symbol_dropout,
            };
            (TrunkConfig::Seq2Seq(trunk), sizes.dropout)
        }
        _ => {
            return Err(Error::Mismatch(
                "words are tagged by a text_cnn, a transformer or a seq2seq model".into(),
            ));
        }
    };
    let config = TaggerConfig {
        input: input(&config.words, table),
        trunk,
        tags,
        dropout,
        crf: config.words.crf,
    };
    Tagger::new(config, seed, device)
}

fn stack(sizes: &TransformerConfig, window: usize) -> TransformerTrunk {
    TransformerTrunk {
        stack: models::StackConfig {
            hidden_size: sizes.hidden_size,
            layers: sizes.layers,
            heads: sizes.heads,
            feed_forward_size: sizes.feed_forward_size,
            dropout: sizes.dropout,
            attention_dropout: sizes.attention_dropout,
            norm: match sizes.norm {
                Norm::Pre => models::NormPosition::Pre,
                Norm::Post => models::NormPosition::Post,
            },
            functions: models::LayerFunctions::default(),
            gradient_checkpointing: sizes.gradient_checkpointing,
        },
        max_positions: sizes.max_positions,
        window,
    }
}

fn input(words: &WordsConfig, table: &WordTable) -> WordInputConfig {
    WordInputConfig {
        vocabulary: table.fingerprint(),
        words: table.words(),
        letters: table.letters(),
        shapes: WORD_SHAPES,
        word_size: words.size,
        letter_size: words.letter_size,
        letter_channels: words.letter_channels,
        letter_kernel_size: words.letter_kernel_size,
        shape_size: words.form_size,
        dropout: words.dropout,
    }
}
