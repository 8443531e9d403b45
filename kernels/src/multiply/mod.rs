//! The elementwise product.
//!
//! ```text
//! y = a b                a, b of one shape
//! da = b dy,  db = a dy  (∂y/∂a = b, ∂y/∂b = a)
//! ```

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;

use limbeck_engine::{Backward, Differentiable, Forward, Meta, Operator, Plan, Result, Tape, Var};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::check;
use crate::harness::{Case, Draw, Entry};

/// The operator; inputs are a and b.
#[derive(Clone, Copy, Debug)]
struct Multiply;

/// `a b`, elementwise, of one shape.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let a = tape.constant(device.real(&[1.0, -2.0], [2])?);
/// let b = tape.constant(device.real(&[5.0, 0.5], [2])?);
/// assert_eq!(limbeck_kernels::multiply(&tape, &a, &b)?.tensor().read()?, [5.0, -1.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the shapes differ, or the device failed.
pub fn multiply(tape: &Tape, a: &Var, b: &Var) -> Result<Var> {
    tape.apply_one(Multiply, &[a, b])
}

impl Operator for Multiply {
    fn name(&self) -> &'static str {
        "multiply"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let [a, b] = check::inputs("multiply", inputs)?;
        check::real("multiply", "a", a)?;
        check::exactly("multiply", "b", b, a)?;
        Ok(Plan::new(inputs, a)
            .keep_inputs([0, 1])
            .flops(a.shape.elements()))
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

impl Differentiable for Multiply {
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

pub(crate) fn entry() -> Entry {
    Entry {
        name: "multiply",
        formula: "y = a b; da = b dy, db = a dy",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: vec![&gpu::PRODUCT],
    }
}

fn cases() -> Vec<Case> {
    let case = |shape: [usize; 2]| {
        Case::new(format!("{shape:?}"), Multiply)
            .real(Draw::new("a"), shape)
            .real(Draw::new("b"), shape)
    };
    vec![
        case([1, 1]),
        case([0, 3]),
        case([5, 7]),
        case([70, 67]),
        Case::new("a gradient for b only", Multiply)
            .without_gradient(Draw::new("a"), [9])
            .real(Draw::new("b"), [9]),
    ]
}
