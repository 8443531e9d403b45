//! The published methods of Limbeck, each written as its specification reads, and the run files
//! that describe a run of them.
#![forbid(unsafe_code)]

pub mod config;
mod context;
mod dataset;
mod error;
pub mod export;
pub mod gate_mixup;
pub mod layerwise;
mod linear_fit;
mod measured;
pub mod nce_lm;
pub mod pretrained;
mod rehearsal;
pub mod relay;
pub mod scores;
mod stages;
mod steps;
mod supervised;
pub mod text;
mod train;
pub mod unit_select;
mod word_vectors;

pub use context::RunContext;
pub use dataset::{RunData, TestSet};
pub use error::{Error, Result};
pub use measured::Measured;
pub use rehearsal::{
    RunRehearsal, rehearse_language_model, rehearse_relay, rehearse_run, rehearse_unit_select,
    time_language_model, time_relay, time_run, time_unit_select,
};
pub use supervised::{Labelled, Supervised, SupervisedLoss};
pub use train::{Trained, train};
