//! Agreement of the two sides of a pair: L2 of the teacher and L8 of the student.
//!
//! ```text
//! original -> augmented    KL(p_o || p_a)          augmented -> original    KL(p_a || p_o)
//! symmetric                (KL(p_o || p_a) + KL(p_a || p_o)) / 2
//! Jensen-Shannon           (KL(p_o || m) + KL(p_a || m)) / 2,   m = (p_o + p_a) / 2
//! ```
//!
//! With [`LearningSide::Augmented`] the original side is a constant (Xie et al. 2020, UDA): with
//! gradient through both sides, the cheapest way to agree is to flatten both predictions.

use limbeck_engine::{Result, Tape, Var};
use limbeck_kernels::{
    Normaliser, Temperatures, add, confident_rows, jensen_shannon, kl, scale, weighted_mean,
};

/// Order of the two distributions in the divergence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// KL(original ‖ augmented).
    OriginalToAugmented,
    /// KL(augmented ‖ original).
    AugmentedToOriginal,
    /// The mean of both.
    Symmetric,
    /// The Jensen-Shannon divergence.
    JensenShannon,
}

/// Which side learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LearningSide {
    /// Both.
    Both,
    /// The augmented one; the original is a constant.
    Augmented,
}

/// Options of the consistency term.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Consistency {
    /// Order of the two distributions.
    pub direction: Direction,
    /// Which side learns.
    pub learns: LearningSide,
    /// The original side's logits are divided by this (1: no sharpening).
    pub sharpening: f32,
    /// Only pairs whose original side has a largest probability of at least this count.
    pub confidence: Option<f32>,
}

/// `(1/pairs) Σ_j D(p(u_j), p(u'_j))`: a mean over all pairs, those below the confidence counting
/// as zero. Both sides are `[pairs, classes]`.
///
/// # Errors
/// If the shapes differ, or the device failed.
pub fn consistency(
    tape: &Tape,
    original: &Var,
    augmented: &Var,
    options: Consistency,
) -> Result<Var> {
    let target = match options.learns {
        LearningSide::Both => original.clone(),
        LearningSide::Augmented => original.detach(),
    };
    let sharp = options.sharpening;
    let sharpened = Temperatures::sharpened(sharp);
    let swapped = Temperatures {
        p: sharpened.q,
        q: sharpened.p,
        factor: sharpened.factor,
    };
    let forward = || kl(tape, &target, augmented, sharpened);
    let backward = || kl(tape, augmented, &target, swapped);
    let rows = match options.direction {
        Direction::OriginalToAugmented => forward()?,
        Direction::AugmentedToOriginal => backward()?,
        Direction::Symmetric => scale(tape, &add(tape, &forward()?, &backward()?)?, 0.5)?,
        Direction::JensenShannon => jensen_shannon(tape, &target, augmented, sharpened)?,
    };
    let pairs = Normaliser::Count(rows.shape().elements() as f32);
    match options.confidence {
        None => weighted_mean(tape, &rows, None, pairs),
        Some(threshold) => {
            let mask = confident_rows(tape, &original.detach(), threshold)?;
            weighted_mean(tape, &rows, Some(&mask), pairs)
        }
    }
}
