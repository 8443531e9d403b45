//! What can go wrong in the machine room.

use crate::token_ids::Fingerprint;

/// The engine's error. Every message names the thing, what was expected and what was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Shapes or element types do not fit an operator.
    #[error("{operator}: {message}")]
    Shape {
        /// The operator that refused its inputs.
        operator: &'static str,
        /// Expected and found shapes.
        message: String,
    },
    /// Ids of one vocabulary were fed to a model of another.
    #[error(
        "the text was encoded with vocabulary {:016x}, but the model was built for {:016x}: \
         encode it with the model's own tokenizer", found.0, expected.0
    )]
    Vocabulary {
        /// The model's vocabulary.
        expected: Fingerprint,
        /// The ids' vocabulary.
        found: Fingerprint,
    },
    /// The named device is missing, was lost, or refused the work.
    #[error("{0}")]
    Device(String),
    /// Tensors of different devices, tapes or element types were mixed.
    #[error("{0}")]
    Mismatch(String),
    /// Trainable parameters that the loss does not depend on.
    #[error("no gradient reached the trainable parameter(s) {}: freeze them, or use them in the loss", .0.join(", "))]
    NoGradient(Vec<String>),
    /// Gradients that are not those of the function computed: a line for each.
    #[error("wrong gradients:\n{0}")]
    Gradient(String),
    /// A value that is not finite, and where it appeared first.
    #[error("{0}")]
    NonFinite(String),
}

/// The engine's result.
pub type Result<T> = std::result::Result<T, Error>;
