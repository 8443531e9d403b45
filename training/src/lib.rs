//! Training: the loop, learning-rate schedules, metrics, checkpoints, run folders and reports.
//!
//! The host side stands in modules that know neither tape nor device: numbers come in as plain
//! slices and go out to files. Whoever drives a training loop of their own can use them alone.
#![forbid(unsafe_code)]

pub mod checkpoint;
pub mod early_stopping;
mod error;
pub mod files;
pub mod interrupt;
pub mod metrics;
pub mod progress;
pub mod report;
pub mod run_folder;
pub mod schedule;
pub mod tensors;

pub use error::{Result, TrainingError};
