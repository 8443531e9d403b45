//! Losses against labels and against a teacher's distribution.

use limbeck_engine::{Result, Tape, Var};
use limbeck_kernels::{self as kernels, Labels, Normaliser, weighted_mean};

/// Mean of one value per sample over `samples` of them: `(1/n) Σ_i v_i`.
///
/// # Errors
/// If the device failed.
pub fn mean_over_samples(tape: &Tape, values: &Var) -> Result<Var> {
    let samples = values.shape().elements() as f32;
    weighted_mean(tape, values, None, Normaliser::Count(samples))
}

/// `(1/n) Σ_i CE(y_i, z_i)`, with CE(y, z) = -ln softmax(z)_y.
///
/// # Errors
/// If a label is not below the number of classes, or the device failed.
pub fn hard_cross_entropy(tape: &Tape, logits: &Var, labels: &[u32]) -> Result<Var> {
    let labels = Labels::new(tape.device(), labels, logits.shape().columns())?;
    let rows = kernels::cross_entropy(tape, logits, &labels, None)?;
    mean_over_samples(tape, &rows)
}

/// `(1/n) Σ_i H_τ(T_i, S_i)`, with `H_τ(T, S) = -τ² Σ_c sg(p_T^τ) ln p_S^τ` (Hinton et al. 2015).
/// No gradient reaches the teacher.
///
/// # Errors
/// If the shapes differ, or the device failed.
pub fn soft_cross_entropy(
    tape: &Tape,
    student: &Var,
    teacher: &Var,
    temperature: f32,
) -> Result<Var> {
    let rows = kernels::soft_cross_entropy(tape, student, &teacher.detach(), temperature)?;
    mean_over_samples(tape, &rows)
}

/// `(1/n) Σ_i Σ_c max(0, 1 - s_ic z_ic)²`, s = +1 for the label and -1 for the others: the
/// one-vs-rest squared hinge of linear support vector machines.
///
/// # Errors
/// If a label is not below the number of classes, or the device failed.
pub fn hinge(tape: &Tape, logits: &Var, labels: &[u32]) -> Result<Var> {
    let labels = Labels::new(tape.device(), labels, logits.shape().columns())?;
    let rows = kernels::squared_hinge(tape, logits, &labels)?;
    mean_over_samples(tape, &rows)
}
