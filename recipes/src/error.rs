//! What can go wrong in a recipe.

use std::path::{Path, PathBuf};

use limbeck_data::DataError;
use limbeck_training::TrainingError;

/// The error of a recipe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A data file or option is wrong.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Training, checkpoints, the run folder.
    #[error(transparent)]
    Training(#[from] TrainingError),
    /// The device or the engine.
    #[error(transparent)]
    Engine(#[from] limbeck_engine::Error),
    /// A saved model is not what it should be.
    #[error("{}: {message}", path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A model was asked for in a form that it has not.
    #[error("{0}")]
    Export(String),
    /// The operating system refused.
    #[error("cannot {action} {}: {cause}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        cause: std::io::Error,
    },
}

/// The result of a recipe.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn model(path: &Path, message: String) -> Self {
        Error::Model {
            path: path.into(),
            message,
        }
    }

    pub(crate) fn io(action: &'static str, path: &Path, cause: std::io::Error) -> Self {
        Error::Io {
            action,
            path: path.into(),
            cause,
        }
    }

    /// What a stage makes of it, where it happens in the middle of one.
    pub(crate) fn into_training(self) -> TrainingError {
        match self {
            Error::Engine(error) => error.into(),
            Error::Training(error) => error,
            other => TrainingError::Data(other.to_string()),
        }
    }

    /// The exit code a program should end with.
    pub fn exit_code(&self) -> u8 {
        match self {
            // The program that translates failed while it ran.
            Error::Data(DataError::Translator { .. }) => 1,
            Error::Data(_) | Error::Model { .. } => 3,
            Error::Export(_) => 2,
            Error::Training(error) => error.exit_code(),
            Error::Engine(_) | Error::Io { .. } => 1,
        }
    }
}
