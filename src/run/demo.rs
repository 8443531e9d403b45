//! The demonstration: everything the main method does, on the built-in corpus, in two minutes.

use std::path::PathBuf;

use limbeck_recipes::config::{self, LayerwiseRun, Run};
use limbeck_training::run_folder::Results;

use super::{Error, Result, RunOptions, distill};

/// The run file of the demonstration.
const RUN_FILE: &str = include_str!("../../configs/layerwise-demo.toml");

/// What the demonstration has done.
pub struct Demonstration {
    /// The run as it was configured.
    pub run: LayerwiseRun,
    /// Its results.
    pub results: Results,
    /// The run folder.
    pub folder: PathBuf,
}

/// Trains a Transformer on the built-in corpus and distils it into a TextCNN.
///
/// # Errors
/// Those of [`distill`].
pub fn demonstrate(options: &RunOptions) -> Result<Demonstration> {
    let run = match config::parse("configs/layerwise-demo.toml", RUN_FILE, &[])? {
        Run::Layerwise(run) => *run,
        _ => return Err(Error::Usage("the demonstration is a layerwise run".into())),
    };
    let folder = match &options.out {
        Some(out) => out.clone(),
        None => super::session::new_folder("demo"),
    };
    let options = RunOptions {
        out: Some(folder.clone()),
        ..options.clone()
    };
    let results = distill(&run, &options)?;
    Ok(Demonstration {
        run,
        results,
        folder,
    })
}
