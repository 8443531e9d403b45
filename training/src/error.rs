//! What can go wrong in training, and the exit code each kind of failure has.

use std::io;
use std::path::{Path, PathBuf};

/// The error of this crate. Every message names the thing, what was expected, what was found and
/// what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainingError {
    /// The operating system refused to read or write a file. The cause is part of the message.
    #[error("cannot {action} {}: {cause}", path.display())]
    Io {
        /// What was tried: "read", "write", "create" ...
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
    /// The run folder cannot be used in the way that was asked for.
    #[error("{}: {message}", path.display())]
    RunFolder {
        /// The run folder.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        message: String,
    },
    /// The configuration contradicts itself, or another one.
    #[error("{0}")]
    Configuration(String),
    /// The data cannot be trained on or evaluated.
    #[error("{0}")]
    Data(String),
    /// A file of ours is truncated, altered, or written by a later version.
    #[error("{} is damaged: {message}", path.display())]
    Damaged {
        /// The file or checkpoint.
        path: PathBuf,
        /// What was expected and what was found.
        message: String,
    },
    /// A check of the results failed.
    #[error("{0}")]
    Verification(String),
    /// A value that is not finite appeared; the weights are those of the last good step.
    #[error(
        "training diverged at step {step} in {term} (samples {}). The weights before this step \
         are intact; start a new run with a lower learning rate or a smaller clip_norm",
        sample_list(samples)
    )]
    Diverged {
        /// The update at which it happened, counted from 1.
        step: u64,
        /// The loss term or operator in which the value appeared first, and the value.
        term: String,
        /// Ids of the samples concerned, as far as they are known.
        samples: Vec<u64>,
    },
    /// The user asked to stop; a checkpoint has been written.
    #[error("interrupted after step {step}; continue with --resume")]
    Interrupted {
        /// The last completed update.
        step: u64,
    },
    /// The system would not tell us about Ctrl-C.
    #[error(
        "cannot listen for Ctrl-C: {0}; a program with a handler of its own sets the flag itself"
    )]
    CtrlC(String),
    /// The engine refused an operation.
    #[error(transparent)]
    Engine(#[from] limbeck_engine::Error),
}

/// The result of this crate.
pub type Result<T> = std::result::Result<T, TrainingError>;

impl TrainingError {
    /// The exit code a program should end with: 1 run time, 2 usage, 3 configuration or data,
    /// 4 a verification failed, 5 diverged, 130 interrupted after a checkpoint.
    ///
    /// ```
    /// use limbeck_training::TrainingError;
    /// let error = TrainingError::Data("train.tsv line 7: no tab".into());
    /// assert_eq!(error.exit_code(), 3);
    /// ```
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Io { .. } | Self::Damaged { .. } | Self::CtrlC(_) | Self::Engine(_) => 1,
            Self::RunFolder { .. } => 2,
            Self::Configuration(_) | Self::Data(_) => 3,
            Self::Verification(_) => 4,
            Self::Diverged { .. } => 5,
            Self::Interrupted { .. } => 130,
        }
    }

    /// For `map_err`: wraps an operating-system error with what was tried on which path.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |cause| Self::Io {
            action,
            path,
            cause,
        }
    }

    pub(crate) fn damaged(path: &Path, message: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.to_path_buf(),
            message: message.into(),
        }
    }

    pub(crate) fn run_folder(path: &Path, message: impl Into<String>) -> Self {
        Self::RunFolder {
            path: path.to_path_buf(),
            message: message.into(),
        }
    }
}

/// A long list of ids helps nobody: the first few, then how many more.
fn sample_list(samples: &[u64]) -> String {
    const SHOWN: usize = 8;
    if samples.is_empty() {
        return "unknown".into();
    }
    let shown: Vec<String> = samples.iter().take(SHOWN).map(u64::to_string).collect();
    match samples.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_the_promised_ones() {
        let diverged = TrainingError::Diverged {
            step: 12,
            term: "L4".into(),
            samples: vec![],
        };
        assert_eq!(diverged.exit_code(), 5);
        assert_eq!(TrainingError::Interrupted { step: 1 }.exit_code(), 130);
        assert_eq!(TrainingError::Verification(String::new()).exit_code(), 4);
        assert_eq!(TrainingError::Configuration(String::new()).exit_code(), 3);
        assert_eq!(TrainingError::run_folder(Path::new("r"), "").exit_code(), 2);
        assert_eq!(TrainingError::damaged(Path::new("f"), "").exit_code(), 1);
    }

    #[test]
    fn a_diverged_run_names_step_term_and_samples() {
        let error = TrainingError::Diverged {
            step: 12,
            term: "L4".into(),
            samples: (0..11).collect(),
        };
        let message = error.to_string();
        assert!(message.contains("step 12 in L4"), "{message}");
        assert!(
            message.contains("samples 0, 1, 2, 3, 4, 5, 6, 7 and 3 more"),
            "{message}"
        );
    }

    #[test]
    fn an_io_error_names_path_and_cause() {
        let cause = io::Error::from(io::ErrorKind::StorageFull);
        let message = TrainingError::io("write", Path::new("run/best"))(cause).to_string();
        assert!(message.starts_with("cannot write run/best: "), "{message}");
        assert!(message.contains("storage"), "{message}");
    }
}
