//! Half the squared Euclidean norm of rows: the L2 penalty of a matrix, a row at a time.
//!
//! ```text
//! y_i = ½ Σ_j x_ij²          x [n, d], y [n]
//! ```
//!
//! With g_i the incoming gradient,
//!
//! ```text
//! dx_ij = g_i x_ij
//! ```
//!
//! Rows are not summed here: `weighted_mean` does that, and can weigh them.

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;

use limbeck_engine::{Backward, Differentiable, Forward, Meta, Operator, Plan, Result, Tape, Var};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::check;
use crate::harness::{Case, Draw, Entry, Tolerance};

/// The operator; its input is x.
#[derive(Clone, Copy, Debug)]
struct HalfSquaredNorm;

/// `½ Σ x²` of each row: a matrix `[n, d]` gives `[n]`.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// use limbeck_kernels::half_squared_norm;
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let x = tape.constant(device.real(&[3.0, 4.0, 0.0, -1.0], [2, 2])?);
/// assert_eq!(half_squared_norm(&tape, &x)?.tensor().read()?, [12.5, 0.5]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If x is no matrix or has no column, or the device failed.
pub fn half_squared_norm(tape: &Tape, x: &Var) -> Result<Var> {
    tape.apply_one(HalfSquaredNorm, &[x])
}

/// (rows, columns).
fn sizes(inputs: &[Meta]) -> Result<(usize, usize)> {
    let [x] = check::inputs("half_squared_norm", inputs)?;
    check::nonempty_rows("half_squared_norm", "x", x)
}

/// The number of columns of inputs that `infer` has accepted.
fn columns(inputs: &[Meta]) -> usize {
    inputs[0].shape.columns()
}

impl Operator for HalfSquaredNorm {
    fn name(&self) -> &'static str {
        "half_squared_norm"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let (rows, columns) = sizes(inputs)?;
        Ok(Plan::new(inputs, Meta::real([rows]))
            .keep_inputs([0])
            .flops(2 * rows * columns))
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        reference::forward(columns(io.metas()), io.real(0), io.output(0));
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        cpu::forward(columns(io.metas()), io.real(0), io.output(0));
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(sizes(io.metas())?, io)
    }
}

impl Differentiable for HalfSquaredNorm {
    fn backward_reference(&self, io: &mut Backward<'_, f64>) {
        if let Some(dx) = io.gradient(0) {
            reference::backward(columns(io.metas()), io.real(0), io.upstream(), dx);
        }
    }

    fn backward_cpu(&self, io: &mut Backward<'_, f32>) {
        if let Some(dx) = io.gradient(0) {
            cpu::backward(columns(io.metas()), io.real(0), io.upstream(), dx);
        }
    }

    #[cfg(feature = "gpu")]
    fn backward_gpu(&self, io: &mut GpuBackward<'_>) -> Result<()> {
        gpu::backward(sizes(io.metas())?, io)
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "half_squared_norm",
        formula: "y = ½ Σ x²; dx = g x",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: vec![&gpu::FORWARD, &gpu::BACKWARD],
    }
}

fn cases() -> Vec<Case> {
    let case = |rows: usize, columns: usize| {
        Case::new(format!("{rows} x {columns}"), HalfSquaredNorm)
            .real(Draw::new("x"), [rows, columns])
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
    ]
}
