//! A bounded activation with slow tails (Bergstra et al. 2009).
//!
//! ```text
//! y = x / (1 + |x|)              elementwise, x of any shape
//! ```
//!
//! With dy the incoming gradient, for x > 0 and for x < 0 the quotient rule gives
//!
//! ```text
//! ∂y/∂x = (1 + |x| - x sign x) / (1 + |x|)² = 1 / (1 + |x|)²
//! dx = dy / (1 + |x|)²           also at 0, where both sides meet in 1
//! ```
//!
//! In terms of y it is (1 - |y|)², but where y is near 1 the difference has few digits left in f32.
//! So x is kept, and y is not.

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;
#[cfg(test)]
mod tests;

use limbeck::engine::{Backward, Differentiable, Forward, Meta, Operator, Plan, Result, Tape, Var};
#[cfg(feature = "gpu")]
use limbeck::engine::{GpuBackward, GpuForward};
use limbeck::kernels::check;

/// The operator; its input is x.
#[derive(Clone, Copy, Debug)]
struct Softsign;

/// `x / (1 + |x|)`, elementwise: the result has the shape of x.
///
/// # Errors
/// If x holds ids, or the device failed.
pub(crate) fn softsign(tape: &Tape, x: &Var) -> Result<Var> {
    tape.apply_one(Softsign, &[x])
}

impl Operator for Softsign {
    fn name(&self) -> &'static str {
        "softsign"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let [x] = check::inputs("softsign", inputs)?;
        check::real("softsign", "x", x)?;
        let flops = 2 * x.shape.elements();
        Ok(Plan::new(inputs, x).keep_inputs([0]).flops(flops))
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        reference::forward(io);
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        cpu::forward(io);
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(io)
    }
}

impl Differentiable for Softsign {
    fn backward_reference(&self, io: &mut Backward<'_, f64>) {
        reference::backward(io);
    }

    fn backward_cpu(&self, io: &mut Backward<'_, f32>) {
        cpu::backward(io);
    }

    #[cfg(feature = "gpu")]
    fn backward_gpu(&self, io: &mut GpuBackward<'_>) -> Result<()> {
        gpu::backward(io)
    }
}
