//! A loss as a weighted sum of named terms.

use limbeck_engine::{Error, Result, Tape, Var};
use limbeck_kernels::weighted_sum;

/// One term of a loss.
#[derive(Clone, Debug)]
pub struct Term {
    /// Its name in the specification: `L3`.
    pub name: &'static str,
    /// Its unweighted value, `[1]`.
    pub value: Var,
    /// Its weight.
    pub weight: f32,
    /// The share of the samples of an update that its value is the mean of; 1 for all.
    pub share: f32,
}

impl Term {
    /// A term.
    pub fn new(name: &'static str, value: Var, weight: f32) -> Self {
        Term {
            name,
            value,
            weight,
            share: 1.0,
        }
    }

    /// The same term over so large a share of the samples of an update.
    #[must_use]
    pub fn of_share(self, share: f32) -> Self {
        Term { share, ..self }
    }
}

/// The weighted sum of the terms, each by its share.
///
/// # Errors
/// If there is no term, or the device failed.
pub fn total(tape: &Tape, terms: &[Term]) -> Result<Var> {
    if terms.is_empty() {
        return Err(Error::Mismatch("a loss needs at least one term".into()));
    }
    let weighted: Vec<_> = terms
        .iter()
        .map(|term| (&term.value, term.weight * term.share))
        .collect();
    tape.scope("total loss", || weighted_sum(tape, &weighted))
}
