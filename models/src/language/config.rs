//! What a recurrent language model is built from.

use limbeck_engine::{Error, Fingerprint, Result};

/// The recurrent unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Long short-term memory.
    Lstm,
    /// Gated recurrent unit.
    Gru,
    /// Elman's network.
    Rnn,
}

impl Unit {
    /// Gates of a layer.
    pub(super) fn gates(self) -> usize {
        match self {
            Unit::Lstm => 4,
            Unit::Gru => 3,
            Unit::Rnn => 1,
        }
    }
}

/// The logarithm of the normaliser that scores are taken to have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LnZ {
    /// This number.
    Constant(f64),
    /// One number that is learned, from this one on.
    Learned(f64),
}

impl LnZ {
    /// The number it is or begins with.
    pub fn initial(self) -> f64 {
        match self {
            LnZ::Constant(value) | LnZ::Learned(value) => value,
        }
    }
}

/// Sizes and options of a [`LanguageModel`](super::LanguageModel).
#[derive(Clone, Debug, PartialEq)]
pub struct LanguageModelConfig {
    /// Number of words, those at the end of sentences included.
    pub vocabulary_size: usize,
    /// The vocabulary whose ids it reads.
    pub vocabulary: Fingerprint,
    /// The recurrent unit.
    pub unit: Unit,
    /// Number of recurrent layers.
    pub layers: usize,
    /// Width of the word vectors.
    pub embedding_size: usize,
    /// Width of the layers.
    pub hidden_size: usize,
    /// Dropout in front of every layer and of the output (Zaremba et al. 2014): not on the way from
    /// step to step.
    pub dropout: f64,
    /// One mask for all steps of a sequence (Gal and Ghahramani 2016) in the place of one a step.
    pub variational: bool,
    /// Dropout on the recurrent weights (Merity et al. 2018), one mask an update.
    pub weight_drop: f64,
    /// The output's word vectors are the input's (Press and Wolf 2017).
    pub tied: bool,
    /// Weights begin uniform in ± this number.
    pub initial_range: f64,
    /// An update touches only the rows of the tables that it reads: for plain SGD.
    pub row_sparse: bool,
    /// What scores are normalised by.
    pub ln_z: LnZ,
}

impl LanguageModelConfig {
    /// Refuses sizes of 0 and tables that cannot be tied.
    pub(super) fn check(&self) -> Result<()> {
        let refuse = |message: String| {
            Err(Error::Shape {
                operator: "language_model",
                message,
            })
        };
        let sizes = [
            ("the vocabulary", self.vocabulary_size),
            ("layers", self.layers),
            ("embedding_size", self.embedding_size),
            ("hidden_size", self.hidden_size),
        ];
        if let Some((name, _)) = sizes.iter().find(|(_, size)| *size == 0) {
            return refuse(format!("{name} must be at least 1, found 0"));
        }
        if self.tied && self.embedding_size != self.hidden_size {
            return refuse(format!(
                "tied word vectors must be as wide as the layers: embedding_size is {}, \
                 hidden_size {}",
                self.embedding_size, self.hidden_size
            ));
        }
        Ok(())
    }
}
