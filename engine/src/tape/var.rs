//! Values on a tape.

use crate::shape::Shape;
use crate::tensor::Tensor;

/// A value on a tape: a tensor, and whether gradients flow back through it.
#[derive(Clone, Debug)]
pub struct Var {
    pub(super) tensor: Tensor,
    /// Number of the tape, and of the place of its gradient there.
    pub(super) slot: Option<(u64, usize)>,
    /// Number of the tape, and of the line of its summary that produced it, where one is kept.
    pub(super) origin: Option<(u64, usize)>,
}

impl Var {
    /// The value.
    pub fn tensor(&self) -> &Tensor {
        &self.tensor
    }

    /// Its shape.
    pub fn shape(&self) -> Shape {
        self.tensor.shape()
    }

    /// Whether the value depends on something trainable.
    pub fn requires_grad(&self) -> bool {
        self.slot.is_some()
    }

    /// The same value as a constant: no gradient flows back (the specification's `sg`).
    #[must_use]
    pub fn detach(&self) -> Var {
        Var {
            tensor: self.tensor.clone(),
            slot: None,
            origin: self.origin,
        }
    }
}
