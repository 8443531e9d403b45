//! A recurrent language model trained in parts with noise-contrastive estimation.
//!
//! A long sentence is divided in time order into N parts. For each part in turn: draw (or look up)
//! its group of noise words, compute one loss over the part, go back through its positions, update
//! the parameters; the next part begins with the state that this one ended with. So a sentence causes
//! N updates, each through a short stretch, where usual practice makes one through all of it.
//!
//! | step of the method | here |
//! |---|---|
//! | divide a sentence in time order | `text` |
//! | groups of noise words, fresh or shared by several parts | [`NoiseLaw`], [`group_of`] |
//! | the loss of the earliest part that has none yet, back-propagation, update | `objective` |
//! | judge with exactly normalised probabilities | [`Perplexity`] |
//!
//! A model trained so is judged by its exact normaliser over the whole vocabulary; beside it stand
//! the perplexity of its scores as they are, and mean and spread of ln Z, which training should have
//! brought to a constant.

mod data;
mod evaluate;
mod generate;
mod model;
mod noise;
mod objective;
mod options;
mod run;
mod text;

pub use data::LanguageData;
pub use evaluate::{Perplexity, SentenceScore, perplexity, sentence_scores};
pub use generate::{Generator, Sampling};
pub use model::TextGenerator;
pub(crate) use model::VOCABULARY;
pub use noise::NoiseLaw;
pub use objective::NceLm;
pub use options::{
    Assignment, Carry, Criterion, Groups, NceLmOptions, Noise, Normalisation, OutputBias, Sentence,
    TargetInGroup, group_of,
};
pub use run::{TrainedLanguageModel, measure_test, train_language_model};
pub use text::{Piece, TrainingText};
