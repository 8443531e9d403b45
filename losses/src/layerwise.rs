//! The layer terms L5 and L7 of layer-by-layer distillation.

use limbeck_engine::{Error, Packed, Result, Tape, Var};
use limbeck_kernels::{Normaliser, add, l2_normalise, layer_norm, mse, scale, weighted_mean};

use crate::supervised::mean_over_samples;

/// Normalisation of both features before they are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeatureNorm {
    /// As they are.
    None,
    /// Unit Euclidean length (Sun et al. 2019).
    L2,
    /// Layer normalisation without parameters.
    Layer,
}

/// Guards the normalisations against division by zero.
const EPSILON: f32 = 1e-5;

/// `(1/(n K)) Σ_i Σ_k MSE(sg g_k(x_i), f_k(x_i))`, with MSE a mean over vector components: a row
/// per text in every level. The teacher's features are constants unless `joint`, where their
/// projections learn too.
///
/// # Errors
/// If the numbers of levels or the widths differ, or the device failed.
pub fn layer_matching(
    tape: &Tape,
    teacher: &[Var],
    student: &[Var],
    norm: FeatureNorm,
    joint: bool,
) -> Result<Var> {
    mean_over_levels(tape, (teacher, student), norm, joint, |rows| {
        mean_over_samples(tape, rows)
    })
}

/// [`layer_matching`] at every position: `(1/(n K)) Σ_i Σ_k (1/T_i) Σ_t MSE(sg g_kt(x_i), f_kt(x_i))`
/// for `n` texts of `T_i` tokens, a row per token in every level. Every text counts the same,
/// however long it is; there is no padding that could count.
///
/// # Errors
/// If the numbers of levels, the widths or the numbers of tokens differ, or the device failed.
pub fn token_matching(
    tape: &Tape,
    teacher: &[Var],
    student: &[Var],
    texts: &Packed,
    norm: FeatureNorm,
    joint: bool,
) -> Result<Var> {
    let lengths = texts.lengths();
    let shares: Vec<f32> = lengths
        .iter()
        .flat_map(|&length| std::iter::repeat_n(1.0 / length as f32, length))
        .collect();
    let shares = tape.constant(tape.device().real(&shares, [shares.len()])?);
    let count = Normaliser::Count(lengths.len() as f32);
    mean_over_levels(tape, (teacher, student), norm, joint, |rows| {
        weighted_mean(tape, rows, Some(&shares), count)
    })
}

fn mean_over_levels(
    tape: &Tape,
    (teacher, student): (&[Var], &[Var]),
    norm: FeatureNorm,
    joint: bool,
    mean: impl Fn(&Var) -> Result<Var>,
) -> Result<Var> {
    if teacher.len() != student.len() || teacher.is_empty() {
        return Err(Error::Mismatch(format!(
            "layer matching needs as many teacher levels as student levels, found {} and {}",
            teacher.len(),
            student.len()
        )));
    }
    let mut sum: Option<Var> = None;
    for (g, f) in teacher.iter().zip(student) {
        let g = if joint { g.clone() } else { g.detach() };
        let (g, f) = (normalise(tape, &g, norm)?, normalise(tape, f, norm)?);
        let level = mean(&mse(tape, &f, &g)?)?;
        sum = Some(match sum {
            None => level,
            Some(sum) => add(tape, &sum, &level)?,
        });
    }
    let sum = sum.expect("there is at least one level");
    scale(tape, &sum, 1.0 / teacher.len() as f32)
}

fn normalise(tape: &Tape, feature: &Var, norm: FeatureNorm) -> Result<Var> {
    match norm {
        FeatureNorm::None => Ok(feature.clone()),
        FeatureNorm::L2 => l2_normalise(tape, feature, EPSILON),
        FeatureNorm::Layer => layer_norm(tape, feature, None, None, EPSILON),
    }
}
