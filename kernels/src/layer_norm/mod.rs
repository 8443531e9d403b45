//! Layer normalisation of rows (Ba, Kiros and Hinton 2016), alone or with the residual sum before
//! it in the same pass.
//!
//! ```text
//! s = x            or  s = x + residual
//! μ = (1/d) Σ_c s_c              σ² = (1/d) Σ_c (s_c - μ)²      per row; biased
//! n_c = (s_c - μ) / √(σ² + ε)    y_c = gain_c n_c + bias_c
//! ```
//!
//! With dy the incoming gradient, `dbias = Σ_rows dy` and `dgain = Σ_rows dy n` follow at once.
//! For s, let g = gain dy be the gradient of n and r = 1/√(σ² + ε). Each s_k moves every n_c, in
//! three ways: through itself, through μ and through σ². As ∂μ/∂s_k = 1/d and
//! ∂σ²/∂s_k = (2/d)(s_k - μ) (what σ² owes to μ vanishes, since Σ (s_c - μ) = 0),
//!
//! ```text
//! ∂n_c/∂s_k = r (δ_ck - 1/d) - (s_c - μ) r³ (s_k - μ) / d
//!           = r (δ_ck - 1/d - n_c n_k / d)
//! ds_k = Σ_c g_c ∂n_c/∂s_k = r (g_k - mean(g) - n_k mean(g n))
//! ```
//!
//! The gradient loses its component along the constant row, and all but ε / (σ² + ε) of that along n
//! (as Σ_c n_c² = d σ² / (σ² + ε)): the directions that normalisation removes. With a residual, s is an output too; its incoming gradient is added to
//! ds, and x and the residual both receive the result.
//!
//! The forward pass leaves μ and r of each row, from which n is had again.

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;
#[cfg(test)]
mod tests;

use limbeck_engine::{
    Backward, Differentiable, Error, Forward, Meta, Operator, Plan, Result, Tape, Var,
};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::check;
use crate::harness::{Case, Draw, Entry, Tolerance};

/// Rows of a block whose part of dgain and dbias is summed in one go.
const BLOCK_ROWS: usize = 32;

/// The operator. Inputs: x, then the residual, the gain and the bias, those that are there.
#[derive(Clone, Copy, Debug)]
pub struct LayerNorm {
    /// Whether there is a residual, and its sum with x as a second output.
    pub residual: bool,
    /// Whether there is a gain.
    pub gain: bool,
    /// Whether there is a bias.
    pub bias: bool,
    /// Added to the variance.
    pub epsilon: f32,
}

/// Sizes of one application.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    rows: usize,
    columns: usize,
}

impl Sizes {
    /// Blocks of [`BLOCK_ROWS`] rows.
    fn blocks(self) -> usize {
        self.rows.div_ceil(BLOCK_ROWS)
    }
}

/// Normalises every row of x `[rows, d]` to mean 0 and (biased) variance 1, then multiplies by
/// gain `[d]` and adds bias `[d]` where they are given.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// use limbeck_kernels::layer_norm;
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let x = tape.constant(device.real(&[1.0, 3.0, 5.0, 5.0], [2, 2])?);
/// let y = layer_norm(&tape, &x, None, None, 0.0001)?.tensor().read()?;
/// assert!((y[0] + 1.0).abs() < 1e-3 && (y[1] - 1.0).abs() < 1e-3);
/// assert_eq!(y[2..], [0.0, 0.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the shapes do not fit, rows are empty, `epsilon` is not positive, or the device failed.
pub fn layer_norm(
    tape: &Tape,
    x: &Var,
    gain: Option<&Var>,
    bias: Option<&Var>,
    epsilon: f32,
) -> Result<Var> {
    let operator = LayerNorm {
        residual: false,
        gain: gain.is_some(),
        bias: bias.is_some(),
        epsilon,
    };
    let inputs: Vec<&Var> = [Some(x), gain, bias].into_iter().flatten().collect();
    tape.apply_one(operator, &inputs)
}

/// [`layer_norm`] of `x + residual`, and that sum itself, both `[rows, d]`: what follows a
/// sublayer. Where normalisation comes first, the sum is the next residual; where it comes after,
/// only the normalised rows go on.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// use limbeck_kernels::add_layer_norm;
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let x = tape.constant(device.real(&[1.0, 2.0], [1, 2])?);
/// let residual = tape.constant(device.real(&[4.0, 5.0], [1, 2])?);
/// let (_, sum) = add_layer_norm(&tape, &x, &residual, None, None, 1e-5)?;
/// assert_eq!(sum.tensor().read()?, [5.0, 7.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// As [`layer_norm`], and if the residual has another shape than x.
pub fn add_layer_norm(
    tape: &Tape,
    x: &Var,
    residual: &Var,
    gain: Option<&Var>,
    bias: Option<&Var>,
    epsilon: f32,
) -> Result<(Var, Var)> {
    let operator = LayerNorm {
        residual: true,
        gain: gain.is_some(),
        bias: bias.is_some(),
        epsilon,
    };
    let inputs = [Some(x), Some(residual), gain, bias];
    let inputs: Vec<&Var> = inputs.into_iter().flatten().collect();
    let mut outputs = tape.apply(operator, &inputs)?.into_iter();
    match (outputs.next(), outputs.next()) {
        (Some(normalised), Some(sum)) => Ok((normalised, sum)),
        _ => unreachable!("the plan has two outputs"),
    }
}

impl LayerNorm {
    /// The number of the residual among the inputs.
    const RESIDUAL: usize = 1;

    fn gain_input(&self) -> Option<usize> {
        self.gain.then_some(1 + usize::from(self.residual))
    }

    fn bias_input(&self) -> Option<usize> {
        let before = usize::from(self.residual) + usize::from(self.gain);
        self.bias.then_some(1 + before)
    }

    fn sizes(&self, inputs: &[Meta]) -> Result<Sizes> {
        let refuse = |message| {
            Err(Error::Shape {
                operator: "layer_norm",
                message,
            })
        };
        let options = [self.residual, self.gain, self.bias].map(usize::from);
        let expected = 1 + options.iter().sum::<usize>();
        if inputs.len() != expected {
            return refuse(format!(
                "expected {expected} inputs, found {}",
                inputs.len()
            ));
        }
        if !(self.epsilon > 0.0 && self.epsilon.is_finite()) {
            return refuse(format!(
                "epsilon must be positive, found {}: a constant row would divide by zero",
                self.epsilon
            ));
        }
        let (rows, columns) = check::matrix("layer_norm", "x", inputs[0])?;
        if columns == 0 {
            return refuse(format!("the rows of x {} are empty", inputs[0].shape));
        }
        if self.residual {
            check::exactly(
                "layer_norm",
                "the residual",
                inputs[Self::RESIDUAL],
                inputs[0],
            )?;
        }
        for (what, input) in [
            ("the gain", self.gain_input()),
            ("the bias", self.bias_input()),
        ] {
            if let Some(input) = input {
                check::exactly("layer_norm", what, inputs[input], Meta::real([columns]))?;
            }
        }
        Ok(Sizes { rows, columns })
    }

    /// The sizes of inputs that `infer` has accepted.
    fn known_sizes(&self, inputs: &[Meta]) -> Sizes {
        self.sizes(inputs)
            .expect("the tape runs only what `infer` accepted")
    }
}

impl Operator for LayerNorm {
    fn name(&self) -> &'static str {
        "layer_norm"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let sizes = self.sizes(inputs)?;
        let partial = Meta::real([sizes.blocks(), sizes.columns]);
        let mut plan = Plan::new(inputs, inputs[0])
            .save(Meta::real([sizes.rows, 2]))
            .backward_scratch(partial)
            .backward_scratch(partial)
            .flops(8 * sizes.rows * sizes.columns);
        // What was normalised: the sum, or x.
        if self.residual {
            plan.outputs.push(inputs[0]);
            plan.bytes += inputs[0].bytes() as u64;
            plan = plan.keep_outputs([1]).keep_inputs(self.gain_input());
        } else {
            plan = plan.keep_inputs([0].into_iter().chain(self.gain_input()));
        }
        Ok(plan)
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

impl Differentiable for LayerNorm {
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
        name: "layer_norm",
        formula: "n = (s - μ)/√(σ² + ε), y = gain n + bias, s = x (+ residual); \
                  ds = (g - mean(g) - n mean(g n))/√(σ² + ε), g = gain dy",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: gpu::KERNELS.to_vec(),
    }
}

fn cases() -> Vec<Case> {
    const PLAIN: [bool; 3] = [false; 3];
    const FULL: [bool; 3] = [true; 3];
    vec![
        case("one element", PLAIN, 1, 1),
        case("no row", FULL, 0, 5),
        case("without parameters", PLAIN, 7, 33),
        case("gain and bias", [false, true, true], 70, 17),
        case("gain only", [false, true, false], 5, 64),
        case("bias only", [false, false, true], 5, 65),
        case("residual, without parameters", [true, false, false], 3, 16),
        case("residual, gain and bias", FULL, 37, 31),
        case("residual, one column", FULL, 4, 1),
        case("many rows", FULL, 700, 6).tolerance(Tolerance::LONG),
        case("long rows", FULL, 3, 900).tolerance(Tolerance::LONG),
        // A larger epsilon: with 1e-5 the curvature there defeats a difference step.
        Case::new(
            "constant rows",
            LayerNorm {
                epsilon: 1e-2,
                ..operator([false, true, true])
            },
        )
        .fixed(&[3.0, 3.0, 3.0, -0.1, -0.1, -0.1], [2, 3])
        .real(Draw::new("gain"), [3])
        .real(Draw::new("bias"), [3]),
        Case::new("values far from zero", operator(PLAIN))
            .real(Draw::new("x").between(100.0, 101.0), [5, 40])
            // The mean is known to half a unit in the last place of 100, which is 1e-5 of the
            // spread of the values.
            .tolerance(Tolerance {
                cpu: 3e-5,
                gpu: 3e-5,
            }),
        Case::new("large values", operator(PLAIN))
            .real(Draw::new("x").scaled(1e4), [5, 40])
            .without_finite_differences("a step would vanish beside the numbers"),
        Case::new("only the parameters are trained", operator(FULL))
            .without_gradient(Draw::new("x"), [9, 12])
            .without_gradient(Draw::new("residual"), [9, 12])
            .real(Draw::new("gain"), [12])
            .real(Draw::new("bias"), [12]),
        Case::new("only the residual is trained", operator(FULL))
            .without_gradient(Draw::new("x"), [9, 12])
            .real(Draw::new("residual"), [9, 12])
            .without_gradient(Draw::new("gain"), [12])
            .without_gradient(Draw::new("bias"), [12]),
    ]
}

fn operator([residual, gain, bias]: [bool; 3]) -> LayerNorm {
    LayerNorm {
        residual,
        gain,
        bias,
        epsilon: 1e-5,
    }
}

fn case(name: &str, options: [bool; 3], rows: usize, columns: usize) -> Case {
    let mut case = Case::new(name, operator(options)).real(Draw::new("x"), [rows, columns]);
    if options[0] {
        case = case.real(Draw::new("residual"), [rows, columns]);
    }
    for (_, name) in options[1..]
        .iter()
        .zip(["gain", "bias"])
        .filter(|(present, _)| **present)
    {
        case = case.real(Draw::new(name), [columns]);
    }
    case
}
