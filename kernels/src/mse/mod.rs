//! Mean squared error of rows.
//!
//! ```text
//! l_i = (1/d) Σ_j (a_ij - b_ij)²          a, b [n, d]
//! ```
//!
//! The mean is over the d components of a vector; rows are not averaged here. With g_i the
//! incoming gradient,
//!
//! ```text
//! da_ij = g_i (2/d) (a_ij - b_ij)         db_ij = -da_ij
//! ```
//!
//! Detach the side that must not learn.

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;

use limbeck_engine::{Backward, Differentiable, Forward, Meta, Operator, Plan, Result, Tape, Var};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::check;
use crate::harness::{Case, Draw, Entry, Tolerance};

/// The operator; inputs are a and b.
#[derive(Clone, Copy, Debug)]
struct Mse;

/// `(1/d) Σ (a - b)²` of each row: two matrices `[n, d]` give `[n]`.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// use limbeck_kernels::mse;
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let a = tape.constant(device.real(&[1.0, 2.0, 3.0, 4.0], [2, 2])?);
/// let b = tape.constant(device.real(&[1.0, 4.0, 0.0, 4.0], [2, 2])?);
/// assert_eq!(mse(&tape, &a, &b)?.tensor().read()?, [2.0, 4.5]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the shapes differ or have no column, or the device failed.
pub fn mse(tape: &Tape, a: &Var, b: &Var) -> Result<Var> {
    tape.apply_one(Mse, &[a, b])
}

/// (rows, columns).
fn sizes(inputs: &[Meta]) -> Result<(usize, usize)> {
    let [a, b] = check::inputs("mse", inputs)?;
    let sizes = check::nonempty_rows("mse", "a", a)?;
    check::exactly("mse", "b", b, a)?;
    Ok(sizes)
}

/// The number of columns of inputs that `infer` has accepted.
fn columns(inputs: &[Meta]) -> usize {
    inputs[0].shape.columns()
}

impl Operator for Mse {
    fn name(&self) -> &'static str {
        "mse"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let (rows, columns) = sizes(inputs)?;
        Ok(Plan::new(inputs, Meta::real([rows]))
            .keep_inputs([0, 1])
            .flops(3 * rows * columns))
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        reference::forward(columns(io.metas()), io.real(0), io.real(1), io.output(0));
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        cpu::forward(columns(io.metas()), io.real(0), io.real(1), io.output(0));
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(sizes(io.metas())?, io)
    }
}

impl Differentiable for Mse {
    fn backward_reference(&self, io: &mut Backward<'_, f64>) {
        for (side, sign) in [(0, 1.0), (1, -1.0)] {
            if let Some(into) = io.gradient(side) {
                let columns = columns(io.metas());
                reference::backward(columns, io.real(0), io.real(1), io.upstream(), sign, into);
            }
        }
    }

    fn backward_cpu(&self, io: &mut Backward<'_, f32>) {
        for (side, sign) in [(0, 1.0), (1, -1.0)] {
            if let Some(into) = io.gradient(side) {
                let columns = columns(io.metas());
                cpu::backward(columns, io.real(0), io.real(1), io.upstream(), sign, into);
            }
        }
    }

    #[cfg(feature = "gpu")]
    fn backward_gpu(&self, io: &mut GpuBackward<'_>) -> Result<()> {
        gpu::backward(sizes(io.metas())?, io)
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "mse",
        formula: "l = (1/d) Σ (a - b)²; da = g (2/d) (a - b), db = -da",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: vec![&gpu::FORWARD, &gpu::BACKWARD],
    }
}

fn cases() -> Vec<Case> {
    let case = |rows: usize, columns: usize| {
        Case::new(format!("{rows} x {columns}"), Mse)
            .real(Draw::new("a"), [rows, columns])
            .real(Draw::new("b"), [rows, columns])
    };
    vec![
        case(1, 1),
        case(0, 4),
        case(67, 5),
        case(3, 130),
        case(70, 64),
        case(2, 3000)
            .tolerance(Tolerance::LONG)
            .without_finite_differences("each of so many components moves too few digits"),
        Case::new("only a learns", Mse)
            .real(Draw::new("a"), [5, 17])
            .without_gradient(Draw::new("b"), [5, 17]),
        Case::new("only b learns", Mse)
            .without_gradient(Draw::new("a"), [5, 17])
            .real(Draw::new("b"), [5, 17]),
    ]
}
