//! The data of Limbeck: readers, splits, tokenisers, batches, pairs, n-gram features, and a
//! built-in corpus.
#![forbid(unsafe_code)]

mod error;
mod fingerprint;
pub mod read;
pub mod rng;
mod saved;
pub mod split;
mod text;
pub mod tokenize;

pub use error::{DataError, Result};
pub use text::{Unit, normalise};
