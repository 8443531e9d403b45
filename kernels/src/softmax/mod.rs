//! Softmax and log-softmax of rows.
//!
//! ```text
//! softmax       y_c = p_c = exp(x_c - m) / Σ_k exp(x_k - m)          m = max_k x_k
//! log_softmax   y_c = ln p_c = x_c - m - ln Σ_k exp(x_k - m)
//! ```
//!
//! From ∂p_c/∂x_k = p_c (1[c = k] - p_k) and ∂ ln p_c/∂x_k = 1[c = k] - p_k, with dy the incoming
//! gradient,
//!
//! ```text
//! softmax       dx_c = y_c (dy_c - Σ_k dy_k y_k)
//! log_softmax   dx_c = dy_c - exp(y_c) Σ_k dy_k
//! ```
//!
//! A logit of minus infinity is a class that cannot be. Where none can be there are no probabilities:
//! such a row gives NaN.
//!
//! Both need the result alone. A loss should start from logits, not from these: see
//! [`crate::cross_entropy`] and [`crate::kl`].

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

/// The operator over the last dimension of any shape.
#[derive(Clone, Copy, Debug)]
struct Softmax {
    /// Whether the result is the logarithm.
    logarithm: bool,
}

/// Probabilities of each row, over the last dimension.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// use limbeck_kernels::softmax;
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let x = tape.constant(device.real(&[1e4, 1e4], [1, 2])?);
/// assert_eq!(softmax(&tape, &x)?.tensor().read()?, [0.5, 0.5]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If `x` holds ids or its last dimension is empty, or the device failed.
pub fn softmax(tape: &Tape, x: &Var) -> Result<Var> {
    tape.apply_one(Softmax { logarithm: false }, &[x])
}

/// Logarithms of the probabilities of each row, over the last dimension.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// use limbeck_kernels::log_softmax;
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let x = tape.constant(device.real(&[0.0, -1e4], [1, 2])?);
/// assert_eq!(log_softmax(&tape, &x)?.tensor().read()?, [0.0, -1e4]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// As [`softmax`].
pub fn log_softmax(tape: &Tape, x: &Var) -> Result<Var> {
    tape.apply_one(Softmax { logarithm: true }, &[x])
}

/// The length of a row.
fn columns(inputs: &[Meta]) -> usize {
    inputs[0].shape.columns()
}

impl Operator for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let [x] = check::inputs("softmax", inputs)?;
        check::real("softmax", "x", x)?;
        if x.shape.columns() == 0 {
            return Err(Error::Shape {
                operator: "softmax",
                message: format!("x must have at least one column, found {}", x.shape),
            });
        }
        Ok(Plan::new(inputs, x)
            .keep_outputs([0])
            .flops(4 * x.shape.elements()))
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        let columns = columns(io.metas());
        reference::forward(self.logarithm, columns, io.real(0), io.output(0));
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        let columns = columns(io.metas());
        cpu::forward(self.logarithm, columns, io.real(0), io.output(0));
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(self.logarithm, io.metas()[0].shape, io)
    }
}

impl Differentiable for Softmax {
    fn backward_reference(&self, io: &mut Backward<'_, f64>) {
        if let Some(dx) = io.gradient(0) {
            let columns = columns(io.metas());
            reference::backward(self.logarithm, columns, io.output(0), io.upstream(), dx);
        }
    }

    fn backward_cpu(&self, io: &mut Backward<'_, f32>) {
        if let Some(dx) = io.gradient(0) {
            let columns = columns(io.metas());
            cpu::backward(self.logarithm, columns, io.output(0), io.upstream(), dx);
        }
    }

    #[cfg(feature = "gpu")]
    fn backward_gpu(&self, io: &mut GpuBackward<'_>) -> Result<()> {
        gpu::backward(self.logarithm, io.metas()[0].shape, io)
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "softmax",
        formula: "y = exp(x_c) / Σ exp(x) or its ln; dx = y (dy - Σ dy y) or dy - exp(y) Σ dy",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: vec![&gpu::FORWARD, &gpu::BACKWARD],
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for logarithm in [false, true] {
        let operator = Softmax { logarithm };
        let case = |rows: usize, columns: usize, scale: f64| {
            let name = format!("{rows} x {columns}, inputs of {scale}, logarithm {logarithm}");
            Case::new(name, operator).real(Draw::new("x").scaled(scale), [rows, columns])
        };
        cases.extend([
            case(0, 3, 1.0),
            case(1, 1, 1.0),
            case(67, 5, 2.0),
            case(3, 130, 1.0),
            case(9, 33, 40.0),
            case(70, 64, 1.0),
            Case::new(
                format!("ties and large inputs, logarithm {logarithm}"),
                operator,
            )
            .fixed(&[1e4, 1e4, -1e4, 80.0, -80.0, 80.0, 0.0, 0.0, 0.0], [3, 3]),
            Case::new(format!("three dimensions, logarithm {logarithm}"), operator)
                .real(Draw::new("x"), [2, 3, 17]),
        ]);
    }
    cases
}
