//! Binary cross-entropy with real targets, from logits: for texts with several labels.
//!
//! ```text
//! l_i = -Σ_c [ t_c ln σ(z_c) + (1 - t_c) ln σ(-z_c) ]
//!     =  Σ_{z_c > 0} [ z_c (1 - t_c) + ln(1 + exp(-z_c)) ]
//!      + Σ_{z_c <= 0} [ -z_c t_c + ln(1 + exp(z_c)) ]
//! ```
//!
//! The second form follows from -ln σ(z) = ln(1 + exp(-z)) and ln σ(-z) = ln σ(z) - z; no
//! exponential in it can overflow. Classes are summed, never averaged. From ∂ ln(1 + exp z)/∂z =
//! σ(z), with g_i the incoming gradient,
//!
//! ```text
//! dz_ic = g_i (σ(z_c) - t_c) = g_i ((1 - t_c) - σ(-z_c))
//! ```
//!
//! of which the second is taken where z_c > 0. Targets are constants.
//!
//! Either side has its own form because a confident logit with a target near it leaves little: of
//! z - z t with t near 1, and of σ(z) - t, hardly a digit would survive. 1 - t is exact for t from
//! 1/2 on.

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;

use limbeck_engine::{
    Backward, Differentiable, Forward, Meta, Operator, Plan, Result, Tape, Tensor, Var,
};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::check;
use crate::harness::{Case, Draw, Entry};

/// The operator; inputs are logits and targets.
#[derive(Clone, Copy, Debug)]
struct BinaryCrossEntropy;

/// `-Σ_c [t_c ln σ(z_c) + (1 - t_c) ln σ(-z_c)]` of each row: logits and targets (from 0 to 1)
/// `[n, C]` give `[n]`, in nats.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// use limbeck_kernels::binary_cross_entropy;
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let logits = tape.constant(device.real(&[0.0, 100.0], [1, 2])?);
/// let targets = device.real(&[1.0, 0.0], [1, 2])?;
/// let loss = binary_cross_entropy(&tape, &logits, &targets)?.tensor().item()?;
/// assert!((loss - (2f64.ln() + 100.0)).abs() < 1e-5);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the shapes differ or have no column, or the device failed.
pub fn binary_cross_entropy(tape: &Tape, logits: &Var, targets: &Tensor) -> Result<Var> {
    let targets = tape.constant(targets.clone());
    tape.apply_one(BinaryCrossEntropy, &[logits, &targets])
}

/// (rows, classes).
fn sizes(inputs: &[Meta]) -> Result<(usize, usize)> {
    let operator = "binary_cross_entropy";
    let [logits, targets] = check::inputs(operator, inputs)?;
    let sizes = check::nonempty_rows(operator, "the logits", logits)?;
    check::exactly(operator, "the targets", targets, logits)?;
    Ok(sizes)
}

/// The number of classes of inputs that `infer` has accepted.
fn classes(inputs: &[Meta]) -> usize {
    inputs[0].shape.columns()
}

impl Operator for BinaryCrossEntropy {
    fn name(&self) -> &'static str {
        "binary_cross_entropy"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let (rows, classes) = sizes(inputs)?;
        Ok(Plan::new(inputs, Meta::real([rows]))
            .keep_inputs([0, 1])
            .flops(6 * rows * classes))
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        reference::forward(classes(io.metas()), io.real(0), io.real(1), io.output(0));
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        cpu::forward(classes(io.metas()), io.real(0), io.real(1), io.output(0));
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(sizes(io.metas())?, io)
    }
}

impl Differentiable for BinaryCrossEntropy {
    fn backward_reference(&self, io: &mut Backward<'_, f64>) {
        if let Some(dz) = io.gradient(0) {
            let classes = classes(io.metas());
            reference::backward(classes, io.real(0), io.real(1), io.upstream(), dz);
        }
    }

    fn backward_cpu(&self, io: &mut Backward<'_, f32>) {
        if let Some(dz) = io.gradient(0) {
            let classes = classes(io.metas());
            cpu::backward(classes, io.real(0), io.real(1), io.upstream(), dz);
        }
    }

    #[cfg(feature = "gpu")]
    fn backward_gpu(&self, io: &mut GpuBackward<'_>) -> Result<()> {
        gpu::backward(sizes(io.metas())?, io)
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "binary_cross_entropy",
        formula: "l = -Σ [t ln σ(z) + (1 - t) ln σ(-z)]; dz = g (σ(z) - t)",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: vec![&gpu::FORWARD, &gpu::BACKWARD],
    }
}

fn cases() -> Vec<Case> {
    let case = |rows: usize, classes: usize, scale: f64| {
        let name = format!("{rows} x {classes}, logits of {scale}");
        Case::new(name, BinaryCrossEntropy)
            .real(
                Draw::new("z").scaled(scale).away_from_zero(0.001),
                [rows, classes],
            )
            .without_gradient(Draw::new("t").between(0.0, 1.0), [rows, classes])
    };
    vec![
        case(1, 1, 1.0),
        case(0, 4, 1.0),
        case(67, 5, 3.0),
        case(3, 130, 1.0),
        case(9, 33, 40.0),
        case(70, 64, 1e4).without_finite_differences("losses of 1e5 leave too few digits"),
        // At 0 the two branches of the stable form meet; far out only the loss itself is left.
        Case::new("the middle and the ends", BinaryCrossEntropy)
            .fixed(&[0.0, 1e-6, -1e-6, 80.0, -80.0, 1e4], [2, 3])
            .without_gradient(Draw::new("t").between(0.0, 1.0), [2, 3]),
        Case::new("confident and right: small losses", BinaryCrossEntropy)
            .fixed(&[80.0, 15.0, -13.0, 9.0, -80.0, -11.0], [2, 3])
            .fixed_constant(&[0.9999, 0.99995, 2e-5, 1.0, 1e-4, 3e-5], [2, 3]),
        Case::new("confident and wrong", BinaryCrossEntropy)
            .fixed(&[12.0, 15.0, -13.0, 9.0, -17.0, -11.0], [2, 3])
            .fixed_constant(&[1e-4, 0.0, 0.9999, 2e-5, 1.0, 0.9998], [2, 3]),
    ]
}
