//! Activation functions, elementwise.
//!
//! ```text
//! relu(x) = max(x, 0)                 relu'(x) = 1 if x > 0, else 0 (also at 0)
//! gelu(x) = x Φ(x)                    gelu'(x) = Φ(x) + x φ(x)
//! tanh(x)                             tanh'(x) = 1 - tanh(x)²
//! σ(x) = 1 / (1 + exp(-x))            σ'(x) = σ(x) (1 - σ(x))
//! ```
//!
//! and the approximation of GELU by tanh that some pretrained models were made with:
//!
//! ```text
//! gelu_tanh(x) = x (1 + tanh(u)) / 2 = x σ(2u),  u = √(2/π) (x + 0.044715 x³)
//! gelu_tanh'(x) = σ(2u) + 2 x u' σ(2u) σ(-2u),   u' = √(2/π) (1 + 3 · 0.044715 x²)
//! ```
//!
//! Φ and φ are the distribution function and the density of the standard normal distribution:
//! gelu is the exact form (Hendrycks and Gimpel 2016), through erf; so is its approximation theirs.
//! The backward pass multiplies the incoming gradient by the derivative at the input.
//!
//! # Numerical limits
//!
//! CPU and GPUs compute σ' and tanh' from the value, as y (1 - y) and 1 - y². Where y rounds to 1
//! (from x = 16.7 on, and for tanh beyond ±9.1) they are exactly 0, where the definition is left with
//! exp(-x) and 4 exp(-2 |x|): an absolute error of a rounding of 1 at most. A NaN comes out as NaN;
//! relu's derivative there is 0.

mod cpu;
#[cfg(feature = "gpu")]
pub(crate) mod gpu;
mod reference;

use limbeck_engine::{Backward, Differentiable, Forward, Meta, Operator, Plan, Result, Tape, Var};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::check;
use crate::harness::{Case, Draw, Entry};

pub(crate) use cpu::{apply_and_derive, apply_in_place, multiply_by_derivative};
pub(crate) use reference::{derivative, value};

/// Which function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// max(x, 0).
    Relu,
    /// x Φ(x), exact.
    Gelu,
    /// Its approximation by tanh.
    GeluTanh,
    /// Hyperbolic tangent.
    Tanh,
    /// The logistic function.
    Sigmoid,
}

impl Activation {
    /// The number that stands for it in shaders.
    #[cfg(feature = "gpu")]
    pub(crate) fn code(self) -> u32 {
        match self {
            Activation::Relu => 1,
            Activation::Gelu => 2,
            Activation::Tanh => 3,
            Activation::Sigmoid => 4,
            Activation::GeluTanh => 5,
        }
    }
}

/// The operator: `y = f(x)`, any shape.
#[derive(Clone, Copy, Debug)]
pub struct ActivationOperator(pub Activation);

/// Applies an activation function elementwise.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// use limbeck_kernels::{Activation, activation};
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let x = tape.constant(device.real(&[-1.0, 0.0, 2.0], [3])?);
/// assert_eq!(activation(&tape, &x, Activation::Relu)?.tensor().read()?, [0.0, 0.0, 2.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If `x` holds ids, or the device failed.
pub fn activation(tape: &Tape, x: &Var, function: Activation) -> Result<Var> {
    tape.apply_one(ActivationOperator(function), &[x])
}

impl Operator for ActivationOperator {
    fn name(&self) -> &'static str {
        "activation"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let [x] = check::inputs("activation", inputs)?;
        check::real("activation", "x", x)?;
        Ok(Plan::new(inputs, x)
            .keep_inputs([0])
            .flops(x.shape.elements()))
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        reference::forward(self.0, io.real(0), io.output(0));
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        cpu::forward(self.0, io.real(0), io.output(0));
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(self.0, io)
    }
}

impl Differentiable for ActivationOperator {
    fn backward_reference(&self, io: &mut Backward<'_, f64>) {
        if let Some(dx) = io.gradient(0) {
            reference::backward(self.0, io.real(0), io.upstream(), dx);
        }
    }

    fn backward_cpu(&self, io: &mut Backward<'_, f32>) {
        if let Some((dx, accumulate)) = io.gradient_slot(0) {
            cpu::backward(self.0, io.real(0), io.upstream(), dx, accumulate);
        }
    }

    #[cfg(feature = "gpu")]
    fn backward_gpu(&self, io: &mut GpuBackward<'_>) -> Result<()> {
        gpu::backward(self.0, io)
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "activation",
        formula: "y = f(x); dx = f'(x) dy, f in {relu, gelu, gelu_tanh, tanh, sigmoid}",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: vec![&gpu::FORWARD, &gpu::BACKWARD],
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for function in [
        Activation::Relu,
        Activation::Gelu,
        Activation::GeluTanh,
        Activation::Tanh,
        Activation::Sigmoid,
    ] {
        for shape in [[1, 1], [3, 37], [70, 33]] {
            // Away from relu's kink by more than a finite difference reaches.
            let x = Draw::new("x").away_from_zero(0.01).scaled(2.0);
            cases.push(
                Case::new(
                    format!("{function:?} {shape:?}"),
                    ActivationOperator(function),
                )
                .real(x, shape),
            );
        }
    }
    cases.push(
        Case::new("relu at its kink", ActivationOperator(Activation::Relu))
            .fixed(&[0.0, -0.0, 1.0, -1.0], [4])
            .without_finite_differences("the derivative at 0 is a convention"),
    );
    for function in [Activation::Gelu, Activation::GeluTanh] {
        cases.push(
            Case::new(
                format!("{function:?} and large arguments"),
                ActivationOperator(function),
            )
            .fixed(&[-40.0, -5.0, 5.0, 40.0, 1e-6, 100.0], [6]),
        );
    }
    cases.push(
        Case::new(
            "tanh and large arguments",
            ActivationOperator(Activation::Tanh),
        )
        .fixed(&[-100.0, -9.0, 9.0, 100.0, 1e-6], [5]),
    );
    cases.push(
        Case::new(
            "sigmoid and large arguments",
            ActivationOperator(Activation::Sigmoid),
        )
        .fixed(&[-100.0, -20.0, 20.0, 100.0, 1e-6], [5]),
    );
    cases.push(Case::new("empty", ActivationOperator(Activation::Gelu)).fixed(&[], [0]));
    cases
}
