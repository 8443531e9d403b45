//! `train` and `distill`.

use limbeck_recipes::config::{LayerwiseRun, Run, TrainRun};
use limbeck_recipes::layerwise;
use limbeck_training::run_folder::{Results, TestResults};

use super::session::{Finished, in_run_folder};
use super::{Result, RunOptions};

/// Trains one model and reads test once.
///
/// # Errors
/// Those of data, device, training and files, each with its exit code.
pub fn train(run: &TrainRun, options: &RunOptions) -> Result<Results> {
    let whole = Run::Train(Box::new(run.clone()));
    in_run_folder(&whole, run.seed, options, |data, context| {
        let trained = limbeck_recipes::train(run, data, context)?;
        Ok(Finished {
            test: TestResults::Model(trained.metrics),
            evaluation: trained.evaluation,
        })
    })
}

/// Trains a teacher, distils it, and reads test once.
///
/// # Errors
/// As [`train`].
pub fn distill(run: &LayerwiseRun, options: &RunOptions) -> Result<Results> {
    let whole = Run::Layerwise(Box::new(run.clone()));
    in_run_folder(&whole, run.seed, options, |data, context| {
        let done = layerwise::distill(run, data, context)?;
        Ok(Finished {
            test: TestResults::Models(done.metrics),
            evaluation: done.evaluation,
        })
    })
}
