//! The machine room of Limbeck: devices, memory, tensors, the tape, parameters and random
//! numbers. It knows no operator.
#![deny(unsafe_code)]

mod error;
mod token_ids;

pub use error::{Error, Result};
pub use token_ids::{Fingerprint, TokenIds};
