//! The same numbers in the same order, in another shape.
//!
//! ```text
//! y_i = x_i              i counts the elements row by row
//! dx_i = dy_i
//! ```
//!
//! Values that need no gradient are better reshaped in place ([`limbeck_engine::Tensor::reshape`]).

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;

use limbeck_engine::{
    Backward, Differentiable, Error, Forward, Meta, Operator, Plan, Result, Shape, Tape, Var,
};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::check;
use crate::harness::{Case, Draw, Entry};

/// The operator; the input is x.
#[derive(Clone, Copy, Debug)]
struct Reshape {
    shape: Shape,
}

/// The elements of x in another shape with as many.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let rows = tape.constant(device.real(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [6])?);
/// let y = limbeck_kernels::reshape(&tape, &rows, [2, 3])?;
/// assert_eq!(y.shape().dims(), &[2, 3]);
/// assert_eq!(y.tensor().read()?, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If x has more or fewer elements, or the device failed.
pub fn reshape(tape: &Tape, x: &Var, shape: impl Into<Shape>) -> Result<Var> {
    let shape = shape.into();
    tape.apply_one(Reshape { shape }, &[x])
}

impl Operator for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let [x] = check::inputs("reshape", inputs)?;
        check::real("reshape", "x", x)?;
        let (found, expected) = (x.shape.elements(), self.shape.elements());
        if found != expected {
            return Err(Error::Shape {
                operator: "reshape",
                message: format!(
                    "expected the {expected} elements of {}, found x {} with {found}",
                    self.shape, x.shape
                ),
            });
        }
        Ok(Plan::new(inputs, Meta::real(self.shape)))
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

impl Differentiable for Reshape {
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
        name: "reshape",
        formula: "y_i = x_i, elements row by row; dx_i = dy_i",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: vec![&crate::shared::columns::COPY_COLUMNS],
    }
}

fn cases() -> Vec<Case> {
    fn case<const M: usize, const N: usize>(from: [usize; M], into: [usize; N]) -> Case {
        let operator = Reshape { shape: into.into() };
        Case::new(format!("{from:?} as {into:?}"), operator).real(Draw::new("x"), from)
    }
    vec![
        case([1], [1, 1]),
        case([12], [3, 4]),
        case([35, 6], [210]),
        case([33, 70], [2, 3, 5, 77]),
        case([0, 5], [5, 0]),
    ]
}
