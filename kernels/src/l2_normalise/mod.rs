//! Rows divided by their Euclidean length.
//!
//! ```text
//! n = ‖x‖ = √(Σ_c x_c²)      y = x / max(n, ε)        per row
//! ```
//!
//! With dy the incoming gradient and ∂n/∂x_k = x_k / n = y_k, a row of at least length ε has
//! ∂y_c/∂x_k = δ_ck / n - x_c y_k / n², and therefore
//!
//! ```text
//! dx = (dy - y (y · dy)) / n         n ≥ ε: only the part of dy across the row counts
//! dx = dy / ε                        0 < n < ε: there y is linear in x
//! dx = 0                             n = 0, by convention
//! ```
//!
//! A row of zeros has no direction. The formula would hand it dy / ε, larger than anything else
//! in the batch by many orders of magnitude; it gets no gradient instead.

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
use crate::harness::{Case, Draw, Entry, Tolerance};

/// The operator; its input is x.
#[derive(Clone, Copy, Debug)]
struct L2Normalise {
    epsilon: f32,
}

/// `x / max(‖x‖, epsilon)` for every row of x `[rows, d]`; a row of zeros stays zero and passes no
/// gradient back.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// use limbeck_kernels::l2_normalise;
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let x = tape.constant(device.real(&[3.0, 0.0, 0.0, 0.0], [2, 2])?);
/// assert_eq!(l2_normalise(&tape, &x, 1e-12)?.tensor().read()?, [1.0, 0.0, 0.0, 0.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If x is no matrix, `epsilon` is not positive, or the device failed.
pub fn l2_normalise(tape: &Tape, x: &Var, epsilon: f32) -> Result<Var> {
    tape.apply_one(L2Normalise { epsilon }, &[x])
}

/// Rows and columns of inputs that `infer` has accepted.
fn known_sizes(inputs: &[Meta]) -> (usize, usize) {
    (inputs[0].shape.rows(), inputs[0].shape.columns())
}

impl Operator for L2Normalise {
    fn name(&self) -> &'static str {
        "l2_normalise"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let [x] = check::inputs("l2_normalise", inputs)?;
        let (rows, columns) = check::matrix("l2_normalise", "x", x)?;
        if !(self.epsilon.is_normal() && self.epsilon > 0.0) {
            return Err(Error::Shape {
                operator: "l2_normalise",
                message: format!(
                    "epsilon must be positive, found {}: rows of zeros would divide by zero",
                    self.epsilon
                ),
            });
        }
        Ok(Plan::new(inputs, x)
            .keep_outputs([0])
            .save(Meta::real([rows]))
            .flops(3 * rows * columns))
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        reference::forward(self, known_sizes(io.metas()), io);
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        cpu::forward(self, known_sizes(io.metas()), io);
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(self, known_sizes(io.metas()), io)
    }
}

impl Differentiable for L2Normalise {
    fn backward_reference(&self, io: &mut Backward<'_, f64>) {
        reference::backward(self, known_sizes(io.metas()), io);
    }

    fn backward_cpu(&self, io: &mut Backward<'_, f32>) {
        cpu::backward(self, known_sizes(io.metas()), io);
    }

    #[cfg(feature = "gpu")]
    fn backward_gpu(&self, io: &mut GpuBackward<'_>) -> Result<()> {
        gpu::backward(self, known_sizes(io.metas()), io)
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "l2_normalise",
        formula: "y = x / max(‖x‖, ε); dx = (dy - y (y · dy)) / ‖x‖, dy / ε below ε, 0 at 0",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: gpu::KERNELS.to_vec(),
    }
}

fn cases() -> Vec<Case> {
    let case = |name: &str, epsilon| Case::new(name, L2Normalise { epsilon });
    let x = Draw::new("x");
    vec![
        // A single number is all length: the gradient is 0 but for rounding, which has no scale.
        case("one element", 1e-12).without_gradient(x, [1, 1]),
        case("no row", 1e-12).fixed(&[], [0, 3]),
        case("no column", 1e-12).fixed(&[], [3, 0]),
        case("odd sizes", 1e-12).real(x, [7, 33]),
        case("many rows", 1e-12).real(x, [130, 5]),
        case("long rows", 1e-12)
            .real(x, [3, 900])
            .tolerance(Tolerance::LONG),
        case("squares that overflow", 1e-12)
            .fixed(&[3e30, -4e30, 1e25, 2e37, 2e37, -1e37], [2, 3])
            .without_finite_differences("a step would vanish beside the numbers"),
        case("squares that underflow", 1e-30)
            .fixed(&[3e-25, -4e-25, 1e-26], [1, 3])
            .without_finite_differences("a step would dwarf the numbers"),
        case("shorter than epsilon", 0.5).fixed(&[0.1, -0.2, 0.3, 3.0, 0.0, 4.0], [2, 3]),
        case("rows of zeros among others", 1e-12)
            .fixed(&[0.0, 0.0, 3.0, 4.0, 0.0, -0.0], [3, 2])
            .without_finite_differences("the gradient of a row of zeros is a convention"),
    ]
}

#[cfg(test)]
mod tests {
    use limbeck_engine::Device;

    use super::*;

    #[test]
    fn epsilon_must_be_positive() {
        let device = Device::shapes();
        let tape = Tape::inference(&device);
        let x = tape.constant(device.zeros([2, 3]).expect("shapes only"));
        for epsilon in [0.0, -1e-3, f32::NAN, f32::INFINITY] {
            let error = l2_normalise(&tape, &x, epsilon).expect_err("refused");
            assert!(error.to_string().contains("epsilon must be positive"));
        }
    }

    #[test]
    fn not_a_number_stays_visible() {
        let device = Device::cpu();
        let tape = Tape::inference(&device);
        for row in [[f32::NAN; 2], [f32::NAN, 0.0], [1.0, f32::NAN]] {
            let x = tape.constant(device.real(&row, [1, 2]).expect("two numbers"));
            let y = l2_normalise(&tape, &x, 1e-12).expect("a matrix");
            let y = y.tensor().read().expect("on the host");
            assert!(y.iter().any(|y| y.is_nan()), "{row:?} gave {y:?}");
        }
    }
}
