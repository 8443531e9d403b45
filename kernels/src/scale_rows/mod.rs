//! Every row times a number of its own: gates, attention weights.
//!
//! ```text
//! y_rc = s_r x_rc                            x, y [rows, d], s [rows, 1]
//! dx_rc = s_r dy_rc      ds_r = Σ_c x_rc dy_rc
//! ```

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;

use limbeck_engine::{Backward, Differentiable, Forward, Meta, Operator, Plan, Result, Tape, Var};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::check;
use crate::harness::{Case, Draw, Entry, Tolerance};

/// The operator; inputs are x and s.
#[derive(Clone, Copy, Debug)]
struct ScaleRows;

// Numbers of the inputs.
const X: usize = 0;
const S: usize = 1;

/// Row r of x `[rows, d]` times `s_r`, with s `[rows, 1]`.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// use limbeck_kernels::scale_rows;
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let x = tape.constant(device.real(&[1.0, 2.0, 3.0, 4.0], [2, 2])?);
/// let s = tape.constant(device.real(&[10.0, -1.0], [2, 1])?);
/// assert_eq!(scale_rows(&tape, &x, &s)?.tensor().read()?, [10.0, 20.0, -3.0, -4.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If s has not one number for each row of x, or the device failed.
pub fn scale_rows(tape: &Tape, x: &Var, s: &Var) -> Result<Var> {
    tape.apply_one(ScaleRows, &[x, s])
}

/// Columns of x.
fn columns(inputs: &[Meta]) -> usize {
    inputs[X].shape.columns()
}

impl Operator for ScaleRows {
    fn name(&self) -> &'static str {
        "scale_rows"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let [x, s] = check::inputs("scale_rows", inputs)?;
        let (rows, columns) = check::matrix("scale_rows", "x", x)?;
        check::exactly("scale_rows", "s", s, Meta::real([rows, 1]))?;
        Ok(Plan::new(inputs, x)
            .keep_inputs([X, S])
            .flops(rows * columns))
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        reference::forward(columns(io.metas()), io);
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        cpu::forward(columns(io.metas()), io);
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(columns(io.metas()), io)
    }
}

impl Differentiable for ScaleRows {
    fn backward_reference(&self, io: &mut Backward<'_, f64>) {
        reference::backward(columns(io.metas()), io);
    }

    fn backward_cpu(&self, io: &mut Backward<'_, f32>) {
        cpu::backward(columns(io.metas()), io);
    }

    #[cfg(feature = "gpu")]
    fn backward_gpu(&self, io: &mut GpuBackward<'_>) -> Result<()> {
        gpu::backward(columns(io.metas()), io)
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "scale_rows",
        formula: "y_r = s_r x_r; dx_r = s_r dy_r, ds_r = x_r · dy_r",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: vec![&gpu::PRODUCT, &gpu::INNER],
    }
}

fn cases() -> Vec<Case> {
    let case = |rows: usize, columns: usize| {
        Case::new(format!("{rows} rows of {columns}"), ScaleRows)
            .real(Draw::new("x"), [rows, columns])
            .real(Draw::new("s"), [rows, 1])
    };
    vec![
        case(1, 1),
        case(0, 3),
        case(3, 0),
        case(5, 7),
        case(300, 67),
        case(3, 2000).tolerance(Tolerance::LONG),
        Case::new("a gradient for x only", ScaleRows)
            .real(Draw::new("x"), [4, 9])
            .without_gradient(Draw::new("s"), [4, 1]),
        Case::new("a gradient for s only", ScaleRows)
            .without_gradient(Draw::new("x"), [4, 33])
            .real(Draw::new("s"), [4, 1]),
    ]
}

#[cfg(test)]
mod tests {
    use limbeck_engine::Device;

    use super::*;

    #[test]
    fn other_than_a_number_a_row_is_refused() {
        let device = Device::cpu();
        let tape = Tape::inference(&device);
        let x = tape.constant(device.zeros([3, 2]).expect("on the host"));
        let s = tape.constant(device.zeros([2, 1]).expect("on the host"));
        let message = scale_rows(&tape, &x, &s)
            .expect_err("three expected")
            .to_string();
        assert!(
            message.contains("s must be Real [3, 1], found Real [2, 1]"),
            "{message}"
        );
    }
}
