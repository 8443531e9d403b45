//! Relative entropy and soft cross-entropy between two rows of logits, with temperatures.
//!
//! ```text
//! p = softmax(a / τp)      q = softmax(b / τq)
//! kl                   l = f Σ_c p_c (ln p_c - ln q_c)
//! soft_cross_entropy   l = -f Σ_c p_c ln q_c
//! ```
//!
//! f is τ² where both sides share a temperature: it keeps the size of the gradient independent of
//! τ (Hinton et al. 2015). Write l = f v with v = Σ_c p_c L_c, where L_c = ln p_c - ln q_c or
//! L_c = -ln q_c. With u = a / τp, ∂p_c/∂u_k = p_c (1[c = k] - p_k); the derivative of the ln p_c
//! inside L adds Σ_c p_c ∂ ln p_c/∂u_k = Σ_c ∂p_c/∂u_k = 0. So for both, g being the incoming
//! gradient,
//!
//! ```text
//! da_c = g f / τp · p_c (L_c - v)
//! db_c = g f / τq · (q_c - p_c)
//! ```
//!
//! Both sides go through the same instructions, so that identical logits and temperatures give
//! exactly 0, and a gradient of exactly 0. Gradients flow into whichever side requires them:
//! detach the side that must not learn.

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;

use limbeck_engine::{Backward, Differentiable, Forward, Meta, Operator, Plan, Result, Tape, Var};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::harness::{Case, Draw, Entry};
use crate::shared::divergence::Temperatures;

/// `f Σ_c p_c (ln p_c - ln q_c)` of each row: two matrices of logits `[n, C]` give `[n]`, in nats.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// use limbeck_kernels::{Temperatures, kl};
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let p = tape.constant(device.real(&[3f32.ln(), 0.0], [1, 2])?);
/// let q = tape.constant(device.real(&[0.0, 0.0], [1, 2])?);
/// let loss = kl(&tape, &p, &q, Temperatures::equal(1.0))?.tensor().item()?;
/// // 0.75 ln(0.75 / 0.5) + 0.25 ln(0.25 / 0.5)
/// assert!((loss - 0.130_812).abs() < 1e-6);
/// assert_eq!(kl(&tape, &p, &p, Temperatures::equal(2.0))?.tensor().item()?, 0.0);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the shapes differ or have no column, a temperature is not positive, or the device failed.
pub fn kl(tape: &Tape, p_logits: &Var, q_logits: &Var, temperatures: Temperatures) -> Result<Var> {
    let operator = Divergence {
        entropy: true,
        temperatures,
    };
    tape.apply_one(operator, &[p_logits, q_logits])
}

/// `-τ² Σ_c p_c ln q_c` of each row, q the student at temperature τ and p the teacher at the same
/// temperature: logits `[n, C]` give `[n]`, in nats. The teacher is a constant.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// use limbeck_kernels::soft_cross_entropy;
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let student = tape.constant(device.real(&[0.0, 0.0], [1, 2])?);
/// let teacher = tape.constant(device.real(&[5.0, -5.0], [1, 2])?);
/// let loss = soft_cross_entropy(&tape, &student, &teacher, 2.0)?.tensor().item()?;
/// assert!((loss - 4.0 * 2f64.ln()).abs() < 1e-6);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// As [`kl`].
pub fn soft_cross_entropy(
    tape: &Tape,
    student: &Var,
    teacher: &Var,
    temperature: f32,
) -> Result<Var> {
    let operator = Divergence {
        entropy: false,
        temperatures: Temperatures::equal(temperature),
    };
    tape.apply_one(operator, &[&teacher.detach(), student])
}

/// The operator; inputs are the logits of p and of q.
#[derive(Clone, Copy, Debug)]
struct Divergence {
    /// Whether ln p is part of the loss: relative entropy; else cross-entropy.
    entropy: bool,
    temperatures: Temperatures,
}

/// Numbers kept per row: the shifts of both sides, and v.
const KEPT: usize = 5;

impl Divergence {
    fn label(&self) -> &'static str {
        if self.entropy {
            "kl"
        } else {
            "soft_cross_entropy"
        }
    }
}

impl Operator for Divergence {
    fn name(&self) -> &'static str {
        self.label()
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let (rows, classes) = self.temperatures.sizes(self.label(), inputs)?;
        Ok(Plan::new(inputs, Meta::real([rows]))
            .keep_inputs([0, 1])
            .save(Meta::real([rows, KEPT]))
            .flops(12 * rows * classes))
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        reference::forward(self, io);
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        cpu::forward(self, io);
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(self, io)
    }
}

impl Differentiable for Divergence {
    fn backward_reference(&self, io: &mut Backward<'_, f64>) {
        reference::backward(self, io);
    }

    fn backward_cpu(&self, io: &mut Backward<'_, f32>) {
        cpu::backward(self, io);
    }

    #[cfg(feature = "gpu")]
    fn backward_gpu(&self, io: &mut GpuBackward<'_>) -> Result<()> {
        gpu::backward(self, io)
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "kl",
        formula: "l = f Σ p L, L = ln p - ln q or -ln q; da = g f/τp p (L - Σ p L), \
                  db = g f/τq (q - p)",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: vec![&gpu::FORWARD, &gpu::BACKWARD],
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for entropy in [true, false] {
        let case = |rows: usize, classes: usize, scale: f64, temperatures: Temperatures| {
            let Temperatures { p, q, factor } = temperatures;
            let name = format!(
                "{rows} x {classes}, logits of {scale}, τ {p} and {q}, f {factor}, entropy {entropy}"
            );
            let operator = Divergence {
                entropy,
                temperatures,
            };
            Case::new(name, operator)
                .real(Draw::new("a").scaled(scale), [rows, classes])
                .real(Draw::new("b").scaled(scale), [rows, classes])
        };
        let plain = Temperatures::equal(1.0);
        let target_only = Divergence {
            entropy,
            temperatures: Temperatures::equal(3.0),
        };
        cases.extend([
            case(0, 3, 1.0, plain),
            case(1, 1, 1.0, plain),
            case(67, 5, 2.0, Temperatures::equal(2.0)),
            case(9, 33, 1.0, Temperatures::sharpened(0.4)),
            case(3, 130, 2.0, Temperatures::equal(0.5)),
            case(5, 16, 5.0, plain),
            case(4, 9, 1e4, Temperatures::equal(2.5)),
            Case::new(format!("only q learns, entropy {entropy}"), target_only)
                .without_gradient(Draw::new("a"), [6, 7])
                .real(Draw::new("b"), [6, 7]),
            // A saturated p has a gradient too small for the digits of its terms: q alone learns.
            Case::new(format!("logits of 40, entropy {entropy}"), target_only)
                .without_gradient(Draw::new("a").scaled(40.0), [5, 16])
                .real(Draw::new("b").scaled(40.0), [5, 16])
                .without_finite_differences("losses of some hundred leave too few digits"),
            Case::new(format!("only p learns, entropy {entropy}"), target_only)
                .real(Draw::new("a"), [6, 7])
                .without_gradient(Draw::new("b"), [6, 7]),
        ]);
    }
    cases
}
