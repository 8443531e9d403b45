//! Rows and columns of a matrix exchanged.
//!
//! ```text
//! y_cr = x_rc            x [n, d], y [d, n]
//! dx_rc = dy_cr
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

/// The operator; the input is x.
#[derive(Clone, Copy, Debug)]
struct Transpose;

/// The transposed matrix: `[n, d]` gives `[d, n]`.
///
/// It is meant for parameters: large matrices of rows are better read transposed where they are
/// used, as matrix products do.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let x = tape.constant(device.real(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [2, 3])?);
/// let y = limbeck_kernels::transpose(&tape, &x)?;
/// assert_eq!(y.tensor().read()?, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If x is no matrix, or the device failed.
pub fn transpose(tape: &Tape, x: &Var) -> Result<Var> {
    tape.apply_one(Transpose, &[x])
}

/// Rows and columns of x, which `infer` has accepted.
fn known_sizes(inputs: &[Meta]) -> (usize, usize) {
    (inputs[0].shape.rows(), inputs[0].shape.columns())
}

impl Operator for Transpose {
    fn name(&self) -> &'static str {
        "transpose"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let [x] = check::inputs("transpose", inputs)?;
        let (rows, columns) = check::matrix("transpose", "x", x)?;
        Ok(Plan::new(inputs, Meta::real([columns, rows])))
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        reference::forward(known_sizes(io.metas()), io);
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        cpu::forward(known_sizes(io.metas()), io);
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(known_sizes(io.metas()), io)
    }
}

impl Differentiable for Transpose {
    fn backward_reference(&self, io: &mut Backward<'_, f64>) {
        reference::backward(known_sizes(io.metas()), io);
    }

    fn backward_cpu(&self, io: &mut Backward<'_, f32>) {
        cpu::backward(known_sizes(io.metas()), io);
    }

    #[cfg(feature = "gpu")]
    fn backward_gpu(&self, io: &mut GpuBackward<'_>) -> Result<()> {
        gpu::backward(known_sizes(io.metas()), io)
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "transpose",
        formula: "y_cr = x_rc; dx_rc = dy_cr",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: vec![&gpu::TRANSPOSE],
    }
}

fn cases() -> Vec<Case> {
    let shapes = [[1, 1], [1, 9], [9, 1], [33, 70], [130, 5], [0, 4], [3, 0]];
    let case = |shape: [usize; 2]| {
        let name = format!("{} x {}", shape[0], shape[1]);
        match shape.contains(&0) {
            true => Case::new(name, Transpose).fixed(&[], shape),
            false => Case::new(name, Transpose).real(Draw::new("x"), shape),
        }
    };
    shapes.into_iter().map(case).collect()
}
