//! Which rows of logits are decided firmly enough: the mask of confidence-based consistency
//! training (Xie et al. 2020).
//!
//! ```text
//! y = 1 if max_c softmax(z)_c >= threshold, else 0
//! ```
//!
//! Since max softmax(z) = 1 / Σ_c exp(z_c - max z), the comparison is 1 / Σ_c exp(z_c - max z) >=
//! threshold. It does not hold for a row with a NaN, or of nothing but minus infinities, which has no
//! probabilities. The result is a decision: it has no gradient.

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;

#[cfg(feature = "gpu")]
use limbeck_engine::GpuForward;
use limbeck_engine::{Error, Forward, Meta, NonDifferentiable, Operator, Plan, Result, Tape, Var};

use crate::check;
use crate::harness::{Case, Draw, Entry};

/// The operator.
#[derive(Clone, Copy, Debug)]
struct ConfidentRows {
    threshold: f32,
}

/// 1 for each row whose largest probability is at least `threshold`, else 0: logits `[n, C]` give
/// `[n]`.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// use limbeck_kernels::confident_rows;
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let logits = tape.constant(device.real(&[3.0, 0.0, 0.1, 0.0], [2, 2])?);
/// assert_eq!(confident_rows(&tape, &logits, 0.9)?.tensor().read()?, [1.0, 0.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the threshold is not in (0, 1], the logits have no column, or the device failed.
pub fn confident_rows(tape: &Tape, logits: &Var, threshold: f32) -> Result<Var> {
    let mut outputs = tape.apply_constant(&ConfidentRows { threshold }, &[logits])?;
    Ok(outputs.swap_remove(0))
}

impl Operator for ConfidentRows {
    fn name(&self) -> &'static str {
        "confident_rows"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let [logits] = check::inputs("confident_rows", inputs)?;
        let (rows, classes) = check::nonempty_rows("confident_rows", "the logits", logits)?;
        if !(self.threshold > 0.0 && self.threshold <= 1.0) {
            return Err(Error::Shape {
                operator: "confident_rows",
                message: format!(
                    "the threshold must be a probability above 0, found {}",
                    self.threshold
                ),
            });
        }
        Ok(Plan::new(inputs, Meta::real([rows])).flops(8 * rows * classes))
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        reference::forward(self.threshold, io);
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        cpu::forward(self.threshold, io);
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(self.threshold, io)
    }
}

impl NonDifferentiable for ConfidentRows {
    fn reason(&self) -> &'static str {
        "a yes-or-no decision is constant almost everywhere"
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "confident_rows",
        formula: "y = [max softmax(z) >= threshold]; no gradient",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: vec![&gpu::FORWARD],
    }
}

fn cases() -> Vec<Case> {
    const NEVER: f64 = f64::NEG_INFINITY;
    let case = |rows: usize, classes: usize, scale: f64, threshold: f32| {
        let name = format!("{rows} x {classes}, logits of {scale}, threshold {threshold}");
        Case::constant(name, ConfidentRows { threshold })
            .real(Draw::new("z").scaled(scale), [rows, classes])
    };
    vec![
        case(0, 2, 1.0, 0.5),
        case(1, 1, 1.0, 1.0),
        case(70, 5, 2.0, 0.6),
        case(9, 130, 4.0, 0.5),
        case(5, 3, 1e4, 0.99),
        Case::constant(
            "rows where no class or one can be",
            ConfidentRows { threshold: 0.5 },
        )
        .fixed(&[NEVER, NEVER, NEVER, NEVER, 1.0, NEVER], [2, 3]),
    ]
}
