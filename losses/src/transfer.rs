//! What one model hands to another: distances of representations and of class scores, a weight for
//! each sample.
//!
//! ```text
//! rep_kl    (1/n) Σ_i w_i KL_τ( softmax(Ř_i/τ) || softmax(R_i/τ) )     over the components of vectors
//! rep_mse   (1/n) Σ_i w_i MSE(Ř_i, R_i)
//! class_kl  (1/n) Σ_i w_i KL_τ( softmax(ž_i/τ) || softmax(z_i/τ) )
//! ```
//!
//! The sender's side, marked ˇ, is a constant. KL_τ carries the factor τ² (Hinton et al. 2015).

use limbeck_engine::{Result, Tape, Var};
use limbeck_kernels::{Normaliser, Temperatures, kl, mse, weighted_mean};

/// `(1/n) Σ_i w_i KL_τ(sender || receiver)` of rows of scores: of classes, or of the components of
/// vectors that are read as scores. Without weights every row counts 1.
///
/// # Errors
/// If the shapes differ, or the device failed.
pub fn transfer_kl(
    tape: &Tape,
    sender: &Var,
    receiver: &Var,
    temperature: f32,
    weights: Option<&Var>,
) -> Result<Var> {
    let temperatures = Temperatures::equal(temperature);
    let rows = kl(tape, &sender.detach(), receiver, temperatures)?;
    mean(tape, &rows, weights)
}

/// [`transfer_kl`] for a sender's side that is given as logarithms of probabilities.
///
/// # Errors
/// As [`transfer_kl`].
pub fn transfer_kl_of_probabilities(
    tape: &Tape,
    log_probabilities: &Var,
    receiver: &Var,
    temperature: f32,
    weights: Option<&Var>,
) -> Result<Var> {
    let temperatures = Temperatures {
        p: 1.0,
        ..Temperatures::equal(temperature)
    };
    let rows = kl(tape, &log_probabilities.detach(), receiver, temperatures)?;
    mean(tape, &rows, weights)
}

/// `(1/n) Σ_i w_i MSE(sender, receiver)`; MSE is a mean over vector components. The sender's side
/// learns where it is the output of a map that is trained with the receiver.
///
/// # Errors
/// If the shapes differ, or the device failed.
pub fn transfer_mse(
    tape: &Tape,
    sender: &Var,
    receiver: &Var,
    weights: Option<&Var>,
) -> Result<Var> {
    mean(tape, &mse(tape, receiver, sender)?, weights)
}

fn mean(tape: &Tape, rows: &Var, weights: Option<&Var>) -> Result<Var> {
    let samples = Normaliser::Count(rows.shape().elements() as f32);
    weighted_mean(tape, rows, weights, samples)
}
