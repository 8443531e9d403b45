//! Checkpoints: everything a run needs to go on as if it had never stopped.
//!
//! A checkpoint is an immutable folder `checkpoints/step-000500/`:
//!
//! ```text
//! state.safetensors   every large array: parameters, moments, row clocks
//! state.json          everything small: counters, early stopping, positions in the data; and
//!                     the configuration it belongs to
//! SHA256SUMS          checksums of both, as `sha256sum -c` reads them
//! ```
//!
//! It appears under its name only once it is whole and on the disk. Loading trusts nothing that
//! its checksum does not vouch for.

mod fingerprint;

pub use fingerprint::Fingerprint;

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Result, TrainingError};
use crate::files;
use crate::run_folder::{CheckpointName, Pointer, RunPaths};
use crate::tensors::{self, Tensors};

/// The version of the format written here; all up to this one are read.
pub const FORMAT_VERSION: u32 = 1;

const STATE: &str = "state.json";
const TENSORS: &str = "state.safetensors";
const SUMS: &str = "SHA256SUMS";

/// The state of a run after `step` updates.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// The number of updates done, counted over all stages.
    pub step: u64,
    /// The configuration it belongs to.
    pub fingerprint: Fingerprint,
    /// The large arrays by name.
    pub tensors: Tensors,
    /// Everything small. Numbers survive bit for bit, except those that are not finite: JSON
    /// turns them into `null`.
    pub state: Value,
}

/// A checkpoint that was passed over.
#[derive(Debug)]
pub struct Skipped {
    /// Which one.
    pub name: CheckpointName,
    /// Why.
    pub reason: TrainingError,
}

/// `state.json`.
#[derive(Serialize, Deserialize)]
struct StateFile {
    format_version: u32,
    step: u64,
    configuration: Fingerprint,
    state: Value,
}

/// The checkpoints of one run.
///
/// ```
/// use limbeck_training::checkpoint::{Checkpoint, Checkpoints, Fingerprint};
/// use limbeck_training::run_folder::RunPaths;
/// use limbeck_training::tensors::{HostTensor, Tensors, Values};
///
/// let folder = tempfile::tempdir().unwrap();
/// let checkpoints = Checkpoints::new(&RunPaths::new(folder.path()));
/// let bias = HostTensor::new(&[2], Values::F32(vec![0.5, -0.5]))?;
/// checkpoints.write(&Checkpoint {
///     step: 500,
///     fingerprint: Fingerprint::default(),
///     tensors: Tensors::from([("bias".into(), bias)]),
///     state: serde_json::json!({"epoch": 3}),
/// })?;
/// let (newest, skipped) = checkpoints.latest_intact()?.unwrap();
/// assert_eq!((newest.step, skipped.len()), (500, 0));
/// # Ok::<(), limbeck_training::TrainingError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Checkpoints {
    paths: RunPaths,
}

impl Checkpoint {
    /// Refuses a checkpoint of another configuration.
    ///
    /// # Errors
    /// Names the first key that differs, with both values.
    pub fn require(&self, now: &Fingerprint) -> Result<()> {
        match now.first_difference(&self.fingerprint) {
            None => Ok(()),
            Some(difference) => Err(TrainingError::Configuration(format!(
                "checkpoint {} belongs to another configuration: {difference}. Set it back, or \
                 start a new run",
                CheckpointName(self.step)
            ))),
        }
    }
}

impl Checkpoints {
    /// The checkpoints of the run laid out by `paths`.
    pub fn new(paths: &RunPaths) -> Self {
        Self {
            paths: paths.clone(),
        }
    }

    /// Writes a checkpoint and lets `last` name it. One that is already there with the same
    /// content stays as it is; a damaged one of that name is replaced.
    ///
    /// # Errors
    /// If a file cannot be written (all earlier checkpoints, and `last`, are then as they were),
    /// or if an intact checkpoint of that name says something else.
    pub fn write(&self, checkpoint: &Checkpoint) -> Result<CheckpointName> {
        let name = CheckpointName(checkpoint.step);
        let path = self.paths.checkpoint(name);
        let contents = Contents::of(checkpoint, &path)?;
        match self.load(name) {
            Ok(_) if files::read_text(&path.join(SUMS))? == contents.sums() => {}
            Ok(_) => {
                return Err(TrainingError::run_folder(
                    &path,
                    "exists already with other contents, and checkpoints are never changed",
                ));
            }
            Err(_) => {
                let all = self.paths.checkpoints();
                fs::create_dir_all(&all).map_err(TrainingError::io("create", &all))?;
                files::write_folder(&path, |folder| contents.write(folder))?;
            }
        }
        self.paths.set_pointer(Pointer::Last, name)?;
        Ok(name)
    }

    /// The names of all checkpoints, earliest first, whether intact or not.
    ///
    /// # Errors
    /// If the folder cannot be listed; a missing folder has none.
    pub fn list(&self) -> Result<Vec<CheckpointName>> {
        let folder = self.paths.checkpoints();
        if !folder.exists() {
            return Ok(Vec::new());
        }
        let mut names = Vec::new();
        for entry in fs::read_dir(&folder).map_err(TrainingError::io("list", &folder))? {
            let entry = entry.map_err(TrainingError::io("list", &folder))?;
            names.extend(
                entry
                    .file_name()
                    .to_str()
                    .and_then(|n| n.parse::<CheckpointName>().ok()),
            );
        }
        names.sort();
        Ok(names)
    }

    /// Loads one checkpoint.
    ///
    /// # Errors
    /// If a file is missing, truncated or altered, or was written by a later version.
    pub fn load(&self, name: CheckpointName) -> Result<Checkpoint> {
        Contents::read(&self.paths.checkpoint(name))?.decode(name, &self.paths.checkpoint(name))
    }

    /// The newest checkpoint that is whole, and the newer ones that are not; none if the run has
    /// no checkpoint yet.
    ///
    /// # Errors
    /// If there are checkpoints, but not one of them is intact.
    pub fn latest_intact(&self) -> Result<Option<(Checkpoint, Vec<Skipped>)>> {
        let mut skipped = Vec::new();
        for name in self.list()?.into_iter().rev() {
            match self.load(name) {
                Ok(checkpoint) => return Ok(Some((checkpoint, skipped))),
                Err(reason) => skipped.push(Skipped { name, reason }),
            }
        }
        if skipped.is_empty() {
            return Ok(None);
        }
        let reasons: Vec<String> = skipped.iter().map(|s| s.reason.to_string()).collect();
        Err(TrainingError::damaged(
            self.paths.root(),
            format!(
                "none of its {} checkpoints is intact, start a new run: {}",
                skipped.len(),
                reasons.join("; ")
            ),
        ))
    }

    /// Removes all but the newest `keep` checkpoints, and never what `best` or `last` name.
    ///
    /// # Errors
    /// If `best` or `last` is unreadable (nothing is removed then), or a folder cannot be removed.
    pub fn prune(&self, keep: usize) -> Result<()> {
        let named = [
            self.paths.pointer(Pointer::Best)?,
            self.paths.pointer(Pointer::Last)?,
        ];
        let names = self.list()?;
        let old = names.len().saturating_sub(keep);
        for &name in &names[..old] {
            if !named.contains(&Some(name)) {
                files::remove_folder(&self.paths.checkpoint(name))?;
            }
        }
        Ok(())
    }

    /// Makes `name` the last checkpoint of the run: removes the later ones, which a resumed run
    /// will write again, and `best` if it names none of those that are left.
    ///
    /// # Errors
    /// If a pointer or folder cannot be changed.
    pub fn discard_after(&self, name: CheckpointName) -> Result<()> {
        self.paths.set_pointer(Pointer::Last, name)?;
        let best = self.paths.pointer(Pointer::Best).ok().flatten();
        if !best.is_some_and(|best| best <= name && self.paths.checkpoint(best).exists()) {
            self.paths.clear_pointer(Pointer::Best)?;
        }
        for later in self.list()?.into_iter().filter(|&other| other > name) {
            files::remove_folder(&self.paths.checkpoint(later))?;
        }
        Ok(())
    }
}

/// The bytes of the two files of a checkpoint.
struct Contents {
    state: Vec<u8>,
    tensors: Vec<u8>,
}

impl Contents {
    fn of(checkpoint: &Checkpoint, path: &Path) -> Result<Self> {
        let state = StateFile {
            format_version: FORMAT_VERSION,
            step: checkpoint.step,
            configuration: checkpoint.fingerprint.clone(),
            state: checkpoint.state.clone(),
        };
        let state = serde_json::to_vec_pretty(&state)
            .map_err(|error| TrainingError::io("write", path)(error.into()))?;
        Ok(Self {
            state,
            tensors: tensors::to_bytes(&checkpoint.tensors)?,
        })
    }

    fn sums(&self) -> String {
        let (state, tensors) = (
            files::sha256_hex(&self.state),
            files::sha256_hex(&self.tensors),
        );
        format!("{state}  {STATE}\n{tensors}  {TENSORS}\n")
    }

    fn write(&self, folder: &Path) -> Result<()> {
        files::write_atomic(&folder.join(STATE), &self.state)?;
        files::write_atomic(&folder.join(TENSORS), &self.tensors)?;
        files::write_atomic(&folder.join(SUMS), self.sums().as_bytes())
    }

    /// Reads both files and holds them against their checksums.
    fn read(folder: &Path) -> Result<Self> {
        let sums = files::read_text(&folder.join(SUMS))?;
        let state = files::read(&folder.join(STATE))?;
        let tensors = files::read(&folder.join(TENSORS))?;
        let contents = Self { state, tensors };
        for line in contents.sums().lines() {
            if !sums.lines().any(|found| found == line) {
                let file = line.split("  ").last().unwrap_or(line);
                return Err(TrainingError::damaged(
                    folder,
                    format!("{file} does not agree with its checksum in {SUMS}"),
                ));
            }
        }
        Ok(contents)
    }

    fn decode(&self, name: CheckpointName, folder: &Path) -> Result<Checkpoint> {
        #[derive(Deserialize)]
        struct Head {
            format_version: u32,
        }
        let path = folder.join(STATE);
        let damaged = |error: serde_json::Error| TrainingError::damaged(&path, error.to_string());
        let Head { format_version } = serde_json::from_slice(&self.state).map_err(damaged)?;
        if format_version > FORMAT_VERSION {
            return Err(TrainingError::run_folder(
                folder,
                format!(
                    "written in format {format_version} by a later version; this one reads up to \
                     {FORMAT_VERSION}"
                ),
            ));
        }
        let file: StateFile = serde_json::from_slice(&self.state).map_err(damaged)?;
        if file.step != name.0 {
            let message = format!("it is of step {}: the folder was renamed", file.step);
            return Err(TrainingError::damaged(folder, message));
        }
        let tensors = tensors::from_bytes(&folder.join(TENSORS), &self.tensors)?;
        Ok(Checkpoint {
            step: file.step,
            fingerprint: file.configuration,
            tensors,
            state: file.state,
        })
    }
}

#[cfg(test)]
mod tests;
