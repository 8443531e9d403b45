//! The squared hinge loss, one class against the rest: the loss of a linear support vector
//! machine.
//!
//! ```text
//! l_i = Σ_c max(0, 1 - s_c z_c)²          s_c = 1 for the label of row i, else -1
//! ```
//!
//! With g_i the incoming gradient,
//!
//! ```text
//! dz_ic = -2 g_i s_c max(0, 1 - s_c z_c)
//! ```
//!
//! which is continuous: the square smooths the hinge's kink.

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;

use limbeck_engine::{Backward, Differentiable, Forward, Meta, Operator, Plan, Result, Tape, Var};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::check;
use crate::cross_entropy::Labels;
use crate::harness::{Case, Draw, Entry};

/// The operator; inputs are scores and labels.
#[derive(Clone, Copy, Debug)]
struct SquaredHinge;

/// `Σ_c max(0, 1 - s_c z_c)²` of each row, s the sign of the class: scores `[n, C]` give `[n]`.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// use limbeck_kernels::{Labels, squared_hinge};
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let scores = tape.constant(device.real(&[0.5, -3.0, 1.0], [1, 3])?);
/// let loss = squared_hinge(&tape, &scores, &Labels::new(&device, &[0], 3)?)?;
/// assert_eq!(loss.tensor().read()?, [0.25 + 0.0 + 4.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the labels do not fit the scores, or the device failed.
pub fn squared_hinge(tape: &Tape, scores: &Var, labels: &Labels) -> Result<Var> {
    labels.fit("squared_hinge", scores)?;
    let labels = tape.constant(labels.tensor().clone());
    tape.apply_one(SquaredHinge, &[scores, &labels])
}

/// (rows, classes).
fn sizes(inputs: &[Meta]) -> Result<(usize, usize)> {
    let [scores, labels] = check::inputs("squared_hinge", inputs)?;
    let (rows, classes) = check::nonempty_rows("squared_hinge", "the scores", scores)?;
    check::exactly("squared_hinge", "the labels", labels, Meta::ids([rows]))?;
    Ok((rows, classes))
}

/// The number of classes of inputs that `infer` has accepted.
fn classes(inputs: &[Meta]) -> usize {
    inputs[0].shape.columns()
}

impl Operator for SquaredHinge {
    fn name(&self) -> &'static str {
        "squared_hinge"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let (rows, classes) = sizes(inputs)?;
        Ok(Plan::new(inputs, Meta::real([rows]))
            .keep_inputs([0, 1])
            .flops(4 * rows * classes))
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        reference::forward(classes(io.metas()), io.real(0), io.ids(1), io.output(0));
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        cpu::forward(classes(io.metas()), io.real(0), io.ids(1), io.output(0));
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(sizes(io.metas())?, io)
    }
}

impl Differentiable for SquaredHinge {
    fn backward_reference(&self, io: &mut Backward<'_, f64>) {
        if let Some(dz) = io.gradient(0) {
            let classes = classes(io.metas());
            reference::backward(classes, io.real(0), io.ids(1), io.upstream(), dz);
        }
    }

    fn backward_cpu(&self, io: &mut Backward<'_, f32>) {
        if let Some(dz) = io.gradient(0) {
            let classes = classes(io.metas());
            cpu::backward(classes, io.real(0), io.ids(1), io.upstream(), dz);
        }
    }

    #[cfg(feature = "gpu")]
    fn backward_gpu(&self, io: &mut GpuBackward<'_>) -> Result<()> {
        gpu::backward(sizes(io.metas())?, io)
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "squared_hinge",
        formula: "l = Σ max(0, 1 - s z)²; dz = -2 g s max(0, 1 - s z), s = ±1",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: vec![&gpu::FORWARD, &gpu::BACKWARD],
    }
}

fn cases() -> Vec<Case> {
    let case = |rows: usize, classes: usize, scale: f64| {
        let labels: Vec<u32> = (0..rows).map(|row| (row * 5 % classes) as u32).collect();
        Case::new(
            format!("{rows} x {classes}, scores of {scale}"),
            SquaredHinge,
        )
        .real(Draw::new("z").scaled(scale), [rows, classes])
        .ids(&labels, [rows])
    };
    vec![
        case(1, 1, 1.0),
        case(0, 4, 1.0),
        case(67, 5, 2.0),
        case(3, 130, 1.0),
        case(70, 64, 1.0),
        case(5, 17, 100.0),
        Case::new("on the margin", SquaredHinge)
            .fixed(&[1.0, -1.0, -1.0, 1.0, -1.0, 0.0], [2, 3])
            .ids(&[0, 0], [2])
            .without_finite_differences("the second derivative jumps on the margin"),
    ]
}
