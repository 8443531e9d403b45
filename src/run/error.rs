//! What can go wrong in a command, and the exit code it ends with.

use std::io;
use std::path::PathBuf;

use limbeck_data::DataError;
use limbeck_recipes::config::ConfigError;
use limbeck_training::TrainingError;

/// The error of a command.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The run file or an override is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A data file is wrong.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Training, evaluation, or the run folder.
    #[error(transparent)]
    Training(#[from] TrainingError),
    /// A recipe, or a saved model.
    #[error(transparent)]
    Recipe(#[from] limbeck_recipes::Error),
    /// The device or the engine.
    #[error(transparent)]
    Engine(#[from] limbeck_engine::Error),
    /// The command was asked for something it does not do.
    #[error("{0}")]
    Usage(String),
    /// The operating system refused to read or write a file.
    #[error("cannot {action} {}: {cause}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
}

/// The result of a command.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The exit code of the program: 1 run time, 2 usage, 3 configuration or data, 4 a
    /// verification failed, 5 diverged, 130 interrupted after a checkpoint.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Data(DataError::Translator { .. }) => 1,
            Self::Config(_) | Self::Data(_) => 3,
            Self::Training(error) => error.exit_code(),
            Self::Recipe(error) => error.exit_code(),
            Self::Usage(_) => 2,
            Self::Engine(_) | Self::Io { .. } => 1,
        }
    }
}
