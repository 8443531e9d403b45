//! `train` and `distill`.

use limbeck_recipes::config::{LayerwiseRun, Run, TrainRun};
use limbeck_recipes::layerwise;
use limbeck_training::run_folder::Results;

use super::session::in_run_folder;
use super::{Result, RunOptions};

/// Trains one model and judges it.
///
/// # Errors
/// Those of data, device, training and files, each with its exit code.
pub fn train(run: &TrainRun, options: &RunOptions) -> Result<Results> {
    let whole = Run::Train(Box::new(run.clone()));
    in_run_folder(&whole, run.seed, options, |data, context| {
        Ok(limbeck_recipes::train(run, data, context)?.measured)
    })
}

/// Trains a teacher, distils it, and judges all models.
///
/// # Errors
/// As [`train`].
pub fn distill(run: &LayerwiseRun, options: &RunOptions) -> Result<Results> {
    let whole = Run::Layerwise(Box::new(run.clone()));
    in_run_folder(&whole, run.seed, options, |data, context| {
        Ok(layerwise::distill(run, data, context)?.measured)
    })
}
