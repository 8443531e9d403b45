//! The data of Limbeck: readers, splits, tokenisers, batches, pairs, n-gram features, and a
//! built-in corpus.
#![forbid(unsafe_code)]

pub mod batch;
mod error;
mod fingerprint;
pub mod pairs;
pub mod read;
pub mod rng;
mod saved;
pub mod split;
mod text;
pub mod tokenize;

pub use error::{DataError, Result};
pub use text::{Unit, normalise};
