//! The Jensen-Shannon divergence of two rows of logits (Lin 1991).
//!
//! ```text
//! p = softmax(a / τp), q = softmax(b / τq), m = (p + q) / 2
//! l = f (Σ_c p_c s_c + Σ_c q_c t_c),   s_c = ln(p_c / m_c) / 2,   t_c = ln(q_c / m_c) / 2
//! ```
//!
//! Gradient. With respect to p_k alone, the derivative of Σ p s + Σ q t is
//!
//! ```text
//! s_k + p_k (1/(2 p_k) - 1/(4 m_k)) - q_k / (4 m_k) = s_k + 1/2 - (p_k + q_k) / (4 m_k) = s_k,
//! ```
//!
//! since p_k + q_k = 2 m_k. Through softmax at temperature τp (∂p_k/∂a_c = p_k (δ_kc - p_c) / τp),
//! with g the incoming gradient of the row,
//!
//! ```text
//! da_c = g f/τp p_c (s_c - Σ_k p_k s_k)          db_c = g f/τq q_c (t_c - Σ_k q_k t_k)
//! ```
//!
//! The divergence is symmetric and at most ln 2. A class whose probabilities both underflow
//! contributes nothing.

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;

use limbeck_engine::{Backward, Differentiable, Forward, Meta, Operator, Plan, Result, Tape, Var};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::harness::{Case, Draw, Entry};
use crate::shared::divergence::Temperatures;

/// The operator; inputs are the logits of p and of q.
#[derive(Clone, Copy, Debug)]
struct JensenShannon {
    temperatures: Temperatures,
}

/// Numbers kept per row: the shifts of both sides, Σ p s and Σ q t.
const KEPT: usize = 6;

/// `f (KL(p || m) + KL(q || m)) / 2` of each row, with m the mean of both distributions: two
/// matrices of logits `[n, C]` give `[n]`, in nats.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// use limbeck_kernels::{Temperatures, jensen_shannon};
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let p = tape.constant(device.real(&[90.0, 0.0], [1, 2])?);
/// let q = tape.constant(device.real(&[0.0, 90.0], [1, 2])?);
/// let loss = jensen_shannon(&tape, &p, &q, Temperatures::equal(1.0))?.tensor().item()?;
/// assert!((loss - 2f64.ln()).abs() < 1e-6, "disjoint distributions are ln 2 apart");
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the shapes differ or have no column, a temperature is not positive, or the device failed.
pub fn jensen_shannon(
    tape: &Tape,
    p_logits: &Var,
    q_logits: &Var,
    temperatures: Temperatures,
) -> Result<Var> {
    tape.apply_one(JensenShannon { temperatures }, &[p_logits, q_logits])
}

impl Operator for JensenShannon {
    fn name(&self) -> &'static str {
        "jensen_shannon"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let (rows, classes) = self.temperatures.sizes("jensen_shannon", inputs)?;
        Ok(Plan::new(inputs, Meta::real([rows]))
            .keep_inputs([0, 1])
            .save(Meta::real([rows, KEPT]))
            .flops(20 * rows * classes))
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

impl Differentiable for JensenShannon {
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
        name: "jensen_shannon",
        formula: "l = f Σ (p ln(p/m) + q ln(q/m)) / 2, m = (p + q) / 2; \
                  da = g f/τp p (s - Σ p s), s = ln(p/m) / 2; db alike",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: vec![&gpu::FORWARD, &gpu::BACKWARD],
    }
}

fn cases() -> Vec<Case> {
    let case = |rows: usize, classes: usize, scale: f64, temperatures: Temperatures| {
        let Temperatures { p, q, factor } = temperatures;
        let name = format!("{rows} x {classes}, logits of {scale}, τ {p} and {q}, f {factor}");
        Case::new(name, JensenShannon { temperatures })
            .real(Draw::new("a").scaled(scale), [rows, classes])
            .real(Draw::new("b").scaled(scale), [rows, classes])
    };
    let plain = Temperatures::equal(1.0);
    vec![
        case(0, 3, 1.0, plain),
        // One class: both distributions are certain, and the loss is exactly 0.
        case(1, 1, 1.0, plain),
        case(67, 5, 2.0, Temperatures::equal(2.0)),
        case(9, 33, 1.0, Temperatures::sharpened(0.4)),
        case(3, 130, 3.0, plain),
        case(5, 16, 6.0, plain),
        Case::new(
            "only q learns",
            JensenShannon {
                temperatures: plain,
            },
        )
        .without_gradient(Draw::new("a"), [6, 7])
        .real(Draw::new("b"), [6, 7]),
    ]
}
