//! The layout of a run folder, and the names of its checkpoints.

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::error::{Result, TrainingError};
use crate::files;

/// The layout of a run folder, for readers and writers alike. It touches no file by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunPaths {
    root: PathBuf,
}

/// The one-line files that name a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pointer {
    /// The checkpoint of the best evaluation on dev.
    Best,
    /// The checkpoint written last.
    Last,
}

impl Pointer {
    fn file_name(self) -> &'static str {
        match self {
            Self::Best => "best",
            Self::Last => "last",
        }
    }
}

/// Everything a run leaves, as names in its folder.
const FILES: [&str; 10] = [
    "config.toml",
    "metrics.jsonl",
    "results.json",
    "evaluation.json",
    "log.txt",
    "translations.json",
    "labels.json",
    "best",
    "last",
    "report.html",
];
const FOLDERS: [&str; 4] = ["tokenizers", "checkpoints", "model", "predictions"];
const RUN_INFO: &str = "run.json";
const LOCK: &str = ".lock";

impl RunPaths {
    /// The layout below `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The run folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The resolved configuration.
    pub fn config(&self) -> PathBuf {
        self.root.join("config.toml")
    }

    /// Seed, versions, data checksums, device: see [`RunInfo`](super::RunInfo).
    pub fn run_info(&self) -> PathBuf {
        self.root.join(RUN_INFO)
    }

    /// One line per measurement: see [`MetricsLog`](super::MetricsLog).
    pub fn metrics(&self) -> PathBuf {
        self.root.join("metrics.jsonl")
    }

    /// The final figures: see [`Results`](super::Results).
    pub fn results(&self) -> PathBuf {
        self.root.join("results.json")
    }

    /// Confusion matrices: see [`Evaluation`](super::Evaluation).
    pub fn evaluation(&self) -> PathBuf {
        self.root.join("evaluation.json")
    }

    /// What the models said of every sample of `dev` or `test`: see
    /// [`Predictions`](crate::predictions::Predictions).
    pub fn predictions(&self, split: &str) -> PathBuf {
        self.root.join("predictions").join(format!("{split}.jsonl"))
    }

    /// What was printed.
    pub fn log(&self) -> PathBuf {
        self.root.join("log.txt")
    }

    /// What a translator has said, if the run asks one.
    pub fn translations(&self) -> PathBuf {
        self.root.join("translations.json")
    }

    /// The class names, a JSON list in the order of their indices.
    pub fn labels(&self) -> PathBuf {
        self.root.join("labels.json")
    }

    /// The tokenizer of one model ("teacher", "student" ...).
    pub fn tokenizer(&self, model: &str) -> PathBuf {
        self.root.join("tokenizers").join(format!("{model}.json"))
    }

    /// The folder of all checkpoints.
    pub fn checkpoints(&self) -> PathBuf {
        self.root.join("checkpoints")
    }

    /// The folder of one checkpoint.
    pub fn checkpoint(&self, name: CheckpointName) -> PathBuf {
        self.checkpoints().join(name.to_string())
    }

    /// The finished models.
    pub fn model(&self) -> PathBuf {
        self.root.join("model")
    }

    /// The report.
    pub fn report(&self) -> PathBuf {
        self.root.join("report.html")
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.root.join(LOCK)
    }

    /// Whether the run has come to its end.
    pub fn is_finished(&self) -> bool {
        self.results().exists()
    }

    /// The checkpoint a pointer names; none if there is no such file yet.
    ///
    /// # Errors
    /// If the file cannot be read or does not hold the name of a checkpoint.
    pub fn pointer(&self, pointer: Pointer) -> Result<Option<CheckpointName>> {
        let path = self.root.join(pointer.file_name());
        if !path.exists() {
            return Ok(None);
        }
        let text = files::read_text(&path)?;
        let line = text.trim_end();
        line.parse().map(Some).map_err(|()| {
            let found: String = line.chars().take(40).collect();
            TrainingError::damaged(
                &path,
                format!("expected step-000500 or the like, found {found:?}"),
            )
        })
    }

    /// Lets a pointer name this checkpoint.
    ///
    /// # Errors
    /// If the file cannot be written; it then names what it named before.
    pub fn set_pointer(&self, pointer: Pointer, name: CheckpointName) -> Result<()> {
        files::write_atomic(
            &self.root.join(pointer.file_name()),
            format!("{name}\n").as_bytes(),
        )
    }

    /// Removes a pointer whose checkpoint is gone.
    pub(crate) fn clear_pointer(&self, pointer: Pointer) -> Result<()> {
        remove(&self.root.join(pointer.file_name()), |path| {
            fs::remove_file(path)
        })
    }

    /// Removes every file of a former run and nothing else. `run.json` goes last: until then the
    /// folder is still recognised as a run, should this be interrupted.
    pub(super) fn remove_run(&self) -> Result<()> {
        for name in FOLDERS {
            remove(&self.root.join(name), |path| fs::remove_dir_all(path))?;
        }
        for name in FILES.into_iter().chain([RUN_INFO]) {
            remove(&self.root.join(name), |path| fs::remove_file(path))?;
        }
        Ok(())
    }

    /// Whether a file may lie in a folder whose run was killed before it wrote `run.json`.
    pub(super) fn may_precede_run_info(path: &Path) -> bool {
        let is = |name: &str| path.file_name().is_some_and(|found| found == name);
        let empty_checkpoints =
            || fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
        files::is_partial(path) || is(LOCK) || (is("checkpoints") && empty_checkpoints())
    }
}

fn remove(path: &Path, how: impl FnOnce(&Path) -> std::io::Result<()>) -> Result<()> {
    match how(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(TrainingError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// The name of a checkpoint: the number of updates done, as in `step-000500`.
///
/// ```
/// use limbeck_training::run_folder::CheckpointName;
/// assert_eq!(CheckpointName(500).to_string(), "step-000500");
/// assert_eq!("step-000500".parse(), Ok(CheckpointName(500)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckpointName(
    /// The number of updates done.
    pub u64,
);

impl fmt::Display for CheckpointName {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "step-{:06}", self.0)
    }
}

impl FromStr for CheckpointName {
    type Err = ();

    /// Accepts exactly what `Display` writes, so that a name and its folder are one and the same.
    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        let step = text
            .strip_prefix("step-")
            .and_then(|digits| digits.parse().ok())
            .ok_or(())?;
        let name = Self(step);
        if name.to_string() == text {
            Ok(name)
        } else {
            Err(())
        }
    }
}
