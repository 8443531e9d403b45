//! The folder of one run: who may write it, and what lies where.
//!
//! ```text
//! config.toml              the resolved configuration
//! run.json                 seed, versions, data checksums, device, instruction set
//! metrics.jsonl            one line per measurement
//! results.json             the final figures; a run that has them is finished
//! evaluation.json          confusion matrices, for the report
//! predictions/SPLIT.jsonl  what the models said of every sample of dev and of test
//! log.txt                  what was printed
//! translations.json        what a translator has said
//! labels.json              the class names in the order of their indices
//! tokenizers/NAME.json     one per model
//! checkpoints/step-000500/ immutable
//! best, last               one line each, naming a checkpoint
//! model/                   the finished models
//! report.html
//! ```

mod info;
mod metrics_log;
mod named;
mod paths;
mod results;

pub use info::{DataFile, RunInfo};
pub use metrics_log::{MetricRecord, MetricsLog, read_metrics};
pub use named::Named;
pub use paths::{CheckpointName, Pointer, RunPaths};
pub use results::{Evaluation, Metrics, ModelResults, Results};

use std::fs::{self, File, TryLockError};
use std::path::Path;

use crate::error::{Result, TrainingError};
use crate::files;

/// What to do if the folder already holds a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Refuse, and say how to go on.
    Refuse,
    /// Remove the former run's files (and no others) and start afresh.
    Replace,
}

/// A run folder opened for writing. As long as it lives, no other process can open it so; the
/// lock is the operating system's and goes with the process, however that ends.
#[derive(Debug)]
pub struct RunFolder {
    paths: RunPaths,
    _lock: File,
}

impl RunFolder {
    /// Starts a new run in `root`, which is created if need be.
    ///
    /// # Errors
    /// If the folder holds anything that is not a run of ours, if it holds a run and `existing`
    /// is [`Existing::Refuse`], if another process writes it, or if it cannot be created.
    pub fn create(root: &Path, existing: Existing) -> Result<Self> {
        let paths = RunPaths::new(root);
        if paths.run_info().exists() {
            // A folder that is not ours is refused before a lock file is put into it.
            RunInfo::read(&paths)?;
        } else if let Some(name) = first_foreign_name(root)? {
            return Err(TrainingError::run_folder(
                root,
                format!("holds {name:?}, which no run wrote; choose an empty or new folder"),
            ));
        }
        fs::create_dir_all(root).map_err(TrainingError::io("create", root))?;
        let folder = Self::lock(paths)?;
        if folder.paths.run_info().exists() {
            match existing {
                Existing::Refuse => return Err(folder.occupied()),
                Existing::Replace => folder.paths.remove_run()?,
            }
        }
        let checkpoints = folder.paths.checkpoints();
        fs::create_dir_all(&checkpoints).map_err(TrainingError::io("create", &checkpoints))?;
        Ok(folder)
    }

    /// Opens the run in `root` to go on with it. Whether there is anything left to do is for the
    /// caller to ask: [`RunPaths::is_finished`].
    ///
    /// # Errors
    /// If there is no run in `root`, or another process writes it.
    pub fn resume(root: &Path) -> Result<Self> {
        let paths = RunPaths::new(root);
        if !paths.run_info().exists() {
            return Err(TrainingError::run_folder(
                root,
                "holds no run to resume (no run.json); start it without --resume",
            ));
        }
        RunInfo::read(&paths)?;
        let folder = Self::lock(paths)?;
        let checkpoints = folder.paths.checkpoints();
        fs::create_dir_all(&checkpoints).map_err(TrainingError::io("create", &checkpoints))?;
        files::remove_partials(&checkpoints)?;
        Ok(folder)
    }

    /// Where everything lies.
    pub fn paths(&self) -> &RunPaths {
        &self.paths
    }

    fn lock(paths: RunPaths) -> Result<Self> {
        let path = paths.lock();
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(TrainingError::io("create", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(TrainingError::run_folder(
                    paths.root(),
                    "another process is writing this run; wait for it or choose another folder",
                ));
            }
            Err(TryLockError::Error(cause)) => return Err(TrainingError::io("lock", &path)(cause)),
        }
        files::remove_partials(paths.root())?;
        Ok(Self { paths, _lock: lock })
    }

    fn occupied(&self) -> TrainingError {
        let message = if self.paths.is_finished() {
            "holds a finished run; choose another folder, or remove this one first".to_owned()
        } else {
            match self.paths.pointer(Pointer::Last) {
                Ok(Some(last)) => format!(
                    "holds an unfinished run (last checkpoint {last}); continue it with --resume \
                     or choose another folder"
                ),
                _ => "holds an unfinished run without a checkpoint; choose another folder, or \
                      remove this one first"
                    .to_owned(),
            }
        };
        TrainingError::run_folder(self.paths.root(), message)
    }
}

/// The first thing in `root` that this crate does not write before `run.json`; none if there is
/// no such folder.
fn first_foreign_name(root: &Path) -> Result<Option<String>> {
    match fs::read_dir(root) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(TrainingError::io("list", root)(error)),
        Ok(entries) => {
            for entry in entries {
                let path = entry.map_err(TrainingError::io("list", root))?.path();
                if !RunPaths::may_precede_run_info(&path) {
                    let name = path.file_name().unwrap_or_default();
                    return Ok(Some(name.to_string_lossy().into_owned()));
                }
            }
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests;
