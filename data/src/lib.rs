//! The data of Limbeck: readers, splits, tokenisers, batches, pairs, n-gram features, and a
//! built-in corpus.
#![forbid(unsafe_code)]

mod error;
pub mod read;
pub mod rng;
pub mod split;
mod text;

pub use error::{DataError, Result};
pub use text::{Unit, normalise};
