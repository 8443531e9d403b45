//! Finding out what went wrong: the failed step is run again, looking at every result.

use limbeck_engine::{Device, Error, ParameterVector, Tape};
use limbeck_losses::total;

use super::Objective;
use crate::error::{Result, TrainingError};

/// The error for the first of these steps that computes something that is not finite. The
/// weights are still those before it, since the update kernels apply nothing from then on.
pub(super) fn explain(
    device: &Device,
    seed: u64,
    first_step: u64,
    objective: &dyn Objective,
    steps: &[u64],
) -> Result<TrainingError> {
    for &step in steps {
        if let Some(term) = replay(device, seed, objective, step)? {
            let (step, samples) = (first_step + step + 1, objective.samples(step));
            return Ok(TrainingError::Diverged {
                step,
                term,
                samples,
            });
        }
    }
    let step = first_step + steps.last().copied().unwrap_or(0) + 1;
    let term = "the gradient's norm (each of its elements is finite, their squares overflow)";
    Ok(TrainingError::Diverged {
        step,
        term: term.into(),
        samples: Vec::new(),
    })
}

/// Where the step's first value that is not finite appears.
fn replay(
    device: &Device,
    seed: u64,
    objective: &dyn Objective,
    step: u64,
) -> Result<Option<String>> {
    let tape = Tape::training(device, seed, step as u32);
    tape.trace();
    let outcome = objective.terms(&tape, step).and_then(|terms| {
        let loss = total(&tape, &terms)?;
        let mut gradients: Vec<ParameterVector> = objective
            .stores()
            .iter()
            .map(|store| store.zeros())
            .collect::<limbeck_engine::Result<_>>()?;
        let mut into: Vec<&mut ParameterVector> = gradients.iter_mut().collect();
        let _unreached = tape.backward(&loss, &mut into)?;
        Ok(())
    });
    match outcome {
        Ok(()) => Ok(None),
        Err(TrainingError::Engine(Error::NonFinite(message))) => Ok(Some(message)),
        Err(other) => Err(other),
    }
}
