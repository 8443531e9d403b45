//! The affine map, with an optional activation fused behind it.
//!
//! ```text
//! z = x W + b            x [rows, in], W [in, out], b [out]
//! y = f(z)               f: identity, relu, gelu, gelu_tanh, tanh, sigmoid
//! ```
//!
//! With dy the incoming gradient and dz = f'(z) dy, the chain rule on
//! z_ro = Σ_i x_ri W_io + b_o gives
//!
//! ```text
//! dx = dz Wᵀ             (∂z_ro/∂x_ri = W_io)
//! dW = xᵀ dz             (∂z_ro/∂W_io = x_ri)
//! db = Σ_rows dz         (∂z_ro/∂b_o = 1)
//! ```
//!
//! A weight may also be given by its rows, `[out, in]`, as a table of word vectors is: then W stands
//! for its transpose.
//!
//! Only an activation needs z again, since y does not always determine f'(z). Then a GPU saves z, and
//! the CPU f'(z), which it has at hand while z is in cache.

mod cpu;
#[cfg(feature = "gpu")]
pub(crate) mod gpu;
mod reference;

use limbeck_engine::{
    Backward, Differentiable, Error, Forward, Meta, Operator, Plan, Result, Tape, Var,
};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::activation::Activation;
use crate::check;
use crate::harness::{Case, Draw, Entry, Tolerance};

pub(crate) use cpu::add_bias;

/// The operator; inputs are x, W and, with `bias`, b.
#[derive(Clone, Copy, Debug)]
pub struct Linear {
    /// Whether there is a third input b.
    pub bias: bool,
    /// What is applied to the result.
    pub activation: Option<Activation>,
    /// Whether the weight is given as `[out, in]`, and the bias perhaps as a column `[out, 1]`.
    pub transposed: bool,
}

/// Sizes of one application.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    rows: usize,
    inputs: usize,
    outputs: usize,
}

/// `f(x W + b)`: x `[rows, in]`, W `[in, out]`, b `[out]` gives `[rows, out]`.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// use limbeck_kernels::linear;
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let x = tape.constant(device.real(&[1.0, 2.0], [1, 2])?);
/// let w = tape.constant(device.real(&[1.0, 0.0, 0.0, 10.0], [2, 2])?);
/// assert_eq!(linear(&tape, &x, &w, None, None)?.tensor().read()?, [1.0, 20.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the shapes do not fit, or the device failed.
pub fn linear(
    tape: &Tape,
    x: &Var,
    weight: &Var,
    bias: Option<&Var>,
    activation: Option<Activation>,
) -> Result<Var> {
    let operator = Linear {
        bias: bias.is_some(),
        activation,
        transposed: false,
    };
    apply(tape, operator, x, weight, bias)
}

/// `x Wᵀ + b` with the weight given by its rows: x `[rows, in]`, W `[out, in]`, b `[out]` or
/// `[out, 1]` gives `[rows, out]`. Of a table of word vectors, the scores of all words.
///
/// # Errors
/// As [`linear`].
pub fn linear_transposed(tape: &Tape, x: &Var, weight: &Var, bias: Option<&Var>) -> Result<Var> {
    let operator = Linear {
        bias: bias.is_some(),
        activation: None,
        transposed: true,
    };
    apply(tape, operator, x, weight, bias)
}

fn apply(tape: &Tape, operator: Linear, x: &Var, weight: &Var, bias: Option<&Var>) -> Result<Var> {
    match bias {
        Some(bias) => tape.apply_one(operator, &[x, weight, bias]),
        None => tape.apply_one(operator, &[x, weight]),
    }
}

impl Linear {
    fn sizes(&self, inputs: &[Meta]) -> Result<Sizes> {
        let expected = if self.bias { 3 } else { 2 };
        if inputs.len() != expected {
            return Err(Error::Shape {
                operator: "linear",
                message: format!("expected {expected} inputs, found {}", inputs.len()),
            });
        }
        let (rows, width) = check::matrix("linear", "x", inputs[0])?;
        let (height, outputs) = match check::matrix("linear", "the weight", inputs[1])? {
            (outputs, height) if self.transposed => (height, outputs),
            by_columns => by_columns,
        };
        if width != height {
            return Err(Error::Shape {
                operator: "linear",
                message: format!(
                    "x {} has {width} columns, but the weight {} expects {height}",
                    inputs[0].shape, inputs[1].shape
                ),
            });
        }
        let column = Meta::real([outputs, 1]);
        if let Some(&bias) = inputs.get(2)
            && !(self.transposed && bias == column)
        {
            check::exactly("linear", "the bias", bias, Meta::real([outputs]))?;
        }
        Ok(Sizes {
            rows,
            inputs: width,
            outputs,
        })
    }

    /// The sizes of inputs that `infer` has accepted.
    fn known_sizes(&self, inputs: &[Meta]) -> Sizes {
        self.sizes(inputs)
            .expect("the tape runs only what `infer` accepted")
    }
}

impl Operator for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let sizes = self.sizes(inputs)?;
        let output = Meta::real([sizes.rows, sizes.outputs]);
        let plan = Plan::new(inputs, output)
            .keep_inputs([0, 1])
            .flops(2 * sizes.rows * sizes.inputs * sizes.outputs);
        Ok(match self.activation {
            None => plan,
            Some(_) => plan.save(output).backward_scratch(output),
        })
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        reference::forward(self, self.known_sizes(io.metas()), io);
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        cpu::forward(self, self.known_sizes(io.metas()), io);
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(self, self.sizes(io.metas())?, io)
    }
}

impl Differentiable for Linear {
    fn backward_reference(&self, io: &mut Backward<'_, f64>) {
        reference::backward(self, self.known_sizes(io.metas()), io);
    }

    fn backward_cpu(&self, io: &mut Backward<'_, f32>) {
        cpu::backward(self, self.known_sizes(io.metas()), io);
    }

    #[cfg(feature = "gpu")]
    fn backward_gpu(&self, io: &mut GpuBackward<'_>) -> Result<()> {
        gpu::backward(self, self.sizes(io.metas())?, io)
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "linear",
        formula: "y = f(x W + b); dx = dz Wᵀ, dW = xᵀ dz, db = Σ dz, dz = f'(z) dy",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: gpu::KERNELS.to_vec(),
    }
}

fn cases() -> Vec<Case> {
    let case = |rows: usize, inputs: usize, outputs: usize, bias: bool, activation| {
        let name = format!("{rows} x {inputs} x {outputs}, bias {bias}, {activation:?}");
        let operator = Linear {
            bias,
            activation,
            transposed: false,
        };
        let case = Case::new(name, operator)
            .real(Draw::new("x"), [rows, inputs])
            .real(Draw::new("w"), [inputs, outputs]);
        if bias {
            case.real(Draw::new("b"), [outputs])
        } else {
            case
        }
    };
    let transposed = |rows: usize, inputs: usize, outputs: usize, bias: &[usize]| {
        let name = format!("{rows} x {inputs} x {outputs}, transposed, bias {bias:?}");
        let operator = Linear {
            bias: !bias.is_empty(),
            activation: None,
            transposed: true,
        };
        let case = Case::new(name, operator)
            .real(Draw::new("x"), [rows, inputs])
            .real(Draw::new("w"), [outputs, inputs]);
        match *bias {
            [] => case,
            [n] => case.real(Draw::new("b"), [n]),
            _ => case.real(Draw::new("b"), [outputs, 1]),
        }
    };
    vec![
        transposed(1, 1, 1, &[]),
        transposed(5, 3, 7, &[7]),
        transposed(67, 65, 66, &[66, 1]).tolerance(Tolerance::LONG),
        transposed(0, 4, 3, &[3, 1]),
        case(1, 1, 1, true, None),
        case(5, 3, 7, false, None),
        case(0, 4, 3, true, None),
        case(4, 1, 130, true, Some(Activation::Gelu)),
        case(67, 65, 66, true, Some(Activation::Gelu)),
        case(130, 17, 5, true, Some(Activation::Tanh)),
        case(70, 18, 1, true, Some(Activation::Sigmoid)),
        // Relu's kink: a pre-activation closer to 0 than a difference step is too unlikely to
        // matter in so few numbers, and the inputs are fixed.
        case(6, 9, 4, false, Some(Activation::Relu)),
        case(300, 40, 70, true, None).tolerance(Tolerance::LONG),
        case(3, 700, 5, true, None).tolerance(Tolerance::LONG),
    ]
}
