//! Tiny sequence taggers and sentences of the random texts' words.

use limbeck_engine::{Device, Result, Stream};
use limbeck_models::tagging::{
    Seq2SeqTrunk, Tagger, TaggerConfig, TextCnnTrunk, TransformerTrunk, TrunkConfig,
    WordInputConfig, WordText,
};
use limbeck_models::{Classifier, Encoded, LayerFunctions, NormPosition, StackConfig, Topology};

use crate::tiny::{CLASSES, LONGEST, SEED, VOCABULARY, VOCABULARY_SIZE, ids};

const LETTERS: u32 = 9;
const FORMS: u32 = 3;

/// What makes the vectors of words.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trunk {
    /// With scores of one tag after another.
    TextCnn,
    Transformer,
    Seq2Seq,
}

pub(crate) fn tagger(trunk: Trunk, device: &Device) -> Result<Box<dyn Classifier>> {
    let config = TaggerConfig {
        input: WordInputConfig {
            vocabulary: VOCABULARY,
            words: VOCABULARY_SIZE,
            letters: LETTERS as usize,
            shapes: FORMS as usize,
            word_size: 10,
            letter_size: 4,
            letter_channels: 6,
            letter_kernel_size: 3,
            shape_size: 2,
            dropout: 0.1,
        },
        trunk: match trunk {
            Trunk::TextCnn => TrunkConfig::TextCnn(TextCnnTrunk {
                channels: 8,
                kernel_sizes: vec![2, 3],
                topology: Topology::Stacked,
            }),
            Trunk::Transformer => TrunkConfig::Transformer(encoder(NormPosition::Pre)),
            Trunk::Seq2Seq => TrunkConfig::Seq2Seq(Seq2SeqTrunk {
                encoder: encoder(NormPosition::Post),
                decoder_layers: 1,
                symbol_dropout: 0.3,
            }),
        },
        tags: CLASSES,
        dropout: 0.2,
        crf: matches!(trunk, Trunk::TextCnn),
    };
    Ok(Box::new(Tagger::new(config, SEED, device)?))
}

fn encoder(norm: NormPosition) -> TransformerTrunk {
    TransformerTrunk {
        stack: StackConfig {
            hidden_size: 12,
            layers: 1,
            heads: 2,
            feed_forward_size: 20,
            dropout: 0.1,
            attention_dropout: 0.1,
            norm,
            functions: LayerFunctions::default(),
            gradient_checkpointing: false,
        },
        max_positions: LONGEST,
        window: 3,
    }
}

/// Sentence `number`: a word's letters depend on the word, its form on where it stands.
pub(crate) fn sentence(number: u32) -> Encoded {
    let ids = ids(number);
    let random = Stream::new(SEED, "letters", 0);
    let spelling = |&word: &u32| -> Vec<u32> {
        let length = 1 + random.word(word, 0, 0) % 6;
        let letters = (1..=length).map(|at| random.word(word, at, 0) % LETTERS);
        letters.collect()
    };
    Encoded::Words(WordText {
        spellings: ids.iter().map(spelling).collect(),
        shapes: (0..)
            .zip(&ids)
            .map(|(at, word)| (at + word) % FORMS)
            .collect(),
        ids,
        vocabulary: VOCABULARY,
    })
}

/// The tags of a sentence: each follows from its word.
pub(crate) fn tags(number: u32) -> Vec<u32> {
    let tag = |word: u32| word % CLASSES as u32;
    ids(number).into_iter().map(tag).collect()
}
