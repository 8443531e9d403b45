//! Matrices side by side.
//!
//! ```text
//! y = [x_1 | x_2 | ...]              x_k [n, d_k], y [n, Σ d_k]
//! dx_k = the columns of dy that came from x_k
//! ```

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;

use limbeck_engine::{
    Backward, Differentiable, Error, Forward, Meta, Operator, Plan, Result, Tape, Var,
};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::check;
use crate::harness::{Case, Draw, Entry};

/// The operator; inputs are the matrices in order.
#[derive(Clone, Copy, Debug)]
struct Concat;

/// `[x_1 | x_2 | ...]`: matrices `[n, d_k]` side by side give `[n, Σ d_k]`.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let a = tape.constant(device.real(&[1.0, 2.0], [2, 1])?);
/// let b = tape.constant(device.real(&[3.0, 4.0, 5.0, 6.0], [2, 2])?);
/// let y = limbeck_kernels::concat(&tape, &[&a, &b])?;
/// assert_eq!(y.tensor().read()?, [1.0, 3.0, 4.0, 2.0, 5.0, 6.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If there is no matrix, their rows differ, or the device failed.
pub fn concat(tape: &Tape, matrices: &[&Var]) -> Result<Var> {
    tape.apply_one(Concat, matrices)
}

/// For each input its first column in the result and its width.
fn places(inputs: &[Meta]) -> impl Iterator<Item = (usize, usize)> {
    inputs.iter().scan(0, |next, input| {
        let (first, width) = (*next, input.shape.columns());
        *next += width;
        Some((first, width))
    })
}

/// Columns of the result.
fn total_columns(inputs: &[Meta]) -> usize {
    inputs.iter().map(|input| input.shape.columns()).sum()
}

impl Operator for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let refuse = |message: String| {
            Err(Error::Shape {
                operator: "concat",
                message,
            })
        };
        let Some(&first) = inputs.first() else {
            return refuse("expected at least one matrix, found none".into());
        };
        let (expected, _) = check::matrix("concat", "matrix 0", first)?;
        for (k, &input) in inputs.iter().enumerate() {
            let (rows, _) = check::matrix("concat", &format!("matrix {k}"), input)?;
            if rows != expected {
                return refuse(format!(
                    "matrix {k} {} must have {expected} rows, as matrix 0 {}",
                    input.shape, first.shape
                ));
            }
        }
        let output = Meta::real([expected, total_columns(inputs)]);
        Ok(Plan::new(inputs, output))
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

impl Differentiable for Concat {
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
        name: "concat",
        formula: "y = [x_1 | x_2 | ...]; dx_k = its columns of dy",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: vec![&crate::shared::columns::COPY_COLUMNS],
    }
}

fn cases() -> Vec<Case> {
    const NAMES: [&str; 9] = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
    let case = |rows: usize, widths: &[usize]| {
        let case = Case::new(format!("{rows} rows of {widths:?}"), Concat);
        let inputs = NAMES.iter().zip(widths);
        inputs.fold(case, |case, (name, &width)| {
            case.real(Draw::new(name), [rows, width])
        })
    };
    vec![
        case(1, &[1]),
        case(3, &[2, 5, 1]),
        case(70, &[33, 31]),
        case(0, &[2, 3]),
        case(4, &[3, 0, 2]),
        case(5, &[1, 2, 3, 4, 5, 6, 7, 8, 9]),
        Case::new("a gradient for the second only", Concat)
            .without_gradient(Draw::new("a"), [4, 3])
            .real(Draw::new("b"), [4, 2]),
    ]
}
