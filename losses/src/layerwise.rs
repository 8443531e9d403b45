//! The layer terms L5 and L7 of layer-by-layer distillation.

use limbeck_engine::{Error, Result, Tape, Var};
use limbeck_kernels::{add, l2_normalise, layer_norm, mse, scale};

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

/// `(1/(n K)) Σ_i Σ_k MSE(sg g_k(x_i), f_k(x_i))`, with MSE a mean over vector components. The
/// teacher's features are constants unless `joint`, where their projections learn too.
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
        let level = mean_over_samples(tape, &mse(tape, &f, &g)?)?;
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
