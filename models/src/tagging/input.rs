//! From words to vectors: the word, its letters, its outward form.
//!
//! ```text
//! u_t = [ word embedding_t ; max over letters of relu(conv(letter embeddings of word t)) ;
//!         form embedding_t ]
//! ```
//!
//! Letters by convolution: Santos and Zadrozny 2014, Ma and Hovy 2016.

use limbeck_engine::{Fingerprint, ParameterId, ParameterStore, Result, StoreBuilder, Tape, Var};
use limbeck_kernels::{Activation, concat, conv1d_max, dropout, embedding, gather_rows};

use super::batch::WordBatch;
use crate::init::Affine;

/// Sizes of what a tagger reads.
#[derive(Clone, Debug, PartialEq)]
pub struct WordInputConfig {
    /// The tables that ids belong to.
    pub vocabulary: Fingerprint,
    /// Number of word ids.
    pub words: usize,
    /// Number of letter ids.
    pub letters: usize,
    /// Number of outward forms.
    pub shapes: usize,
    /// Width of the word vectors.
    pub word_size: usize,
    /// Width of the letter vectors.
    pub letter_size: usize,
    /// Channels of the convolution over letters; 0 leaves letters out.
    pub letter_channels: usize,
    /// Kernel width of that convolution.
    pub letter_kernel_size: usize,
    /// Width of the vectors of outward forms; 0 leaves them out.
    pub shape_size: usize,
    /// Dropout on the joined vectors.
    pub dropout: f64,
}

impl WordInputConfig {
    /// Width of the vector of a word.
    pub fn width(&self) -> usize {
        self.word_size + self.letter_channels + self.shape_size
    }
}

pub(super) struct WordInput {
    words: ParameterId,
    letters: Option<(ParameterId, Affine)>,
    shapes: Option<ParameterId>,
}

impl WordInput {
    pub(super) fn new(store: &mut StoreBuilder, config: &WordInputConfig) -> Self {
        let words = store.uniform("words.weight", [config.words, config.word_size], 0.25);
        let letters = (config.letter_channels > 0).then(|| {
            let (size, width) = (config.letter_size, config.letter_kernel_size);
            let table = store.uniform("letters.weight", [config.letters, size], 0.25);
            let name = "letters.convolution";
            let convolution = Affine::new(store, name, width * size, config.letter_channels);
            (table, convolution)
        });
        let shapes = (config.shape_size > 0)
            .then(|| store.uniform("shapes.weight", [config.shapes, config.shape_size], 0.25));
        WordInput {
            words,
            letters,
            shapes,
        }
    }

    /// The vectors of all words, `[rows, width]`.
    pub(super) fn forward(
        &self,
        tape: &Tape,
        store: &ParameterStore,
        config: &WordInputConfig,
        batch: &WordBatch,
    ) -> Result<Var> {
        let table = tape.parameter(store, self.words);
        let mut parts = vec![embedding(tape, &table, &batch.words, None)?];
        if let Some((table, convolution)) = &self.letters {
            let table = tape.parameter(store, *table);
            let letters = embedding(tape, &table, &batch.letters, None)?;
            let weight = tape.parameter(store, convolution.weight);
            let bias = tape.parameter(store, convolution.bias);
            let (relu, width) = (Some(Activation::Relu), config.letter_kernel_size);
            let packed = &batch.spellings;
            let spelt = conv1d_max(tape, &letters, &weight, &bias, relu, packed, width, false)?;
            parts.push(gather_rows(tape, &spelt, &batch.spelling_of)?);
        }
        if let Some(table) = self.shapes {
            let table = tape.parameter(store, table);
            parts.push(embedding(tape, &table, &batch.shapes, None)?);
        }
        let joined = match parts.as_slice() {
            [words] => words.clone(),
            parts => concat(tape, &parts.iter().collect::<Vec<_>>())?,
        };
        let coordinates = batch.packed.coordinates();
        dropout(tape, &joined, coordinates, config.dropout, "tagger.input")
    }
}
