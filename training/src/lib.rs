//! Training: the loop, learning-rate schedules, metrics, checkpoints, run folders and reports.
//!
//! The host side stands in modules that know neither tape nor device: numbers come in as plain
//! slices and go out to files. Whoever drives a training loop of their own can use them alone.
#![forbid(unsafe_code)]

pub mod checkpoint;
pub mod compare;
pub mod convergence;
pub mod early_stopping;
mod error;
pub mod files;
pub mod interrupt;
pub mod metrics;
pub mod model_file;
pub mod optimizer;
pub mod predictions;
pub mod progress;
pub mod quantise;
pub mod report;
pub mod run_folder;
pub mod schedule;
pub mod stage;
pub mod tensors;
mod weights;

pub use error::{Result, TrainingError};
pub use weights::{load_weights, save_weights};
