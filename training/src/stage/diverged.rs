//! Finding out what went wrong: the failed step is run again, looking at every result.

use limbeck_engine::{Device, Error, ParameterVector, Tape};
use limbeck_losses::total;

use super::{MicroBatch, Objective};
use crate::error::{Result, TrainingError};

/// The error for a step (from 0), made in so many parts, that computed something that is not finite. Where a gradient was
/// not, the weights are still those before it, since the update kernels apply nothing from then on.
pub(super) fn explain(
    device: &Device,
    seed: u64,
    first_step: u64,
    objective: &dyn Objective,
    (step, parts): (u64, usize),
) -> Result<TrainingError> {
    // A loss may overflow although its gradient does not; then the weights went on, and the step
    // may not fail again.
    let term = replay(device, seed, objective, (step, parts))?
        .unwrap_or_else(|| "a value that did not appear again when the step was repeated".into());
    Ok(TrainingError::Diverged {
        step: first_step + step + 1,
        term,
        samples: objective.samples(step),
    })
}

const NORM: &str = "the gradient's norm: each element is finite, but the sum of squares overflows";

/// The norm is computed by the update kernels, which the tape does not trace.
fn norm_overflows(gradients: &[ParameterVector]) -> Result<bool> {
    let mut largest = 0.0_f64;
    for gradient in gradients {
        let squares = gradient.read()?.into_iter().flatten();
        let sum: f64 = squares.map(|value| f64::from(value).powi(2)).sum();
        largest = largest.max(sum);
    }
    Ok(largest > f64::from(f32::MAX))
}

/// Where the step's first value that is not finite appears.
fn replay(
    device: &Device,
    seed: u64,
    objective: &dyn Objective,
    (step, parts): (u64, usize),
) -> Result<Option<String>> {
    let mut gradients: Vec<ParameterVector> = objective
        .stores()
        .iter()
        .map(|store| store.zeros())
        .collect::<limbeck_engine::Result<_>>()?;
    let replayed = MicroBatch::all(parts).try_for_each(|part| {
        let tape = Tape::training(device, seed, step as u32);
        tape.trace();
        let terms = objective.terms_of(&tape, step, part)?;
        if terms.is_empty() && !part.is_whole() {
            return Ok(());
        }
        let loss = total(&tape, &terms)?;
        let mut into: Vec<&mut ParameterVector> = gradients.iter_mut().collect();
        let _unreached = tape.backward(&loss, &mut into)?;
        Ok(())
    });
    let outcome = replayed.and_then(|()| norm_overflows(&gradients));
    match outcome {
        Ok(false) => Ok(None),
        Ok(true) => Ok(Some(NORM.into())),
        Err(TrainingError::Engine(Error::NonFinite(message))) => Ok(Some(message)),
        Err(other) => Err(other),
    }
}
