//! From the states of a text's tokens to one vector.

use limbeck_engine::{Packed, Result, Tape, Var};
use limbeck_kernels::{first_over_time, mean_over_time};

/// How one vector is made of a text's states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextPooling {
    /// The mean over the text's tokens.
    Mean,
    /// The state of the first token.
    First,
}

impl TextPooling {
    /// One vector per text, `[texts, width]`, from states `[rows, width]`.
    ///
    /// # Errors
    /// If the states are not of these texts, or the device failed.
    pub fn apply(self, tape: &Tape, states: &Var, texts: &Packed) -> Result<Var> {
        match self {
            TextPooling::Mean => mean_over_time(tape, states, texts),
            TextPooling::First => first_over_time(tape, states, texts),
        }
    }
}
