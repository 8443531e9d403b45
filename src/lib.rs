//! Limbeck trains small text models and distils them.
#![forbid(unsafe_code)]

#[cfg(all(doctest, feature = "data"))]
mod book;
#[cfg(feature = "data")]
mod classifier;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "data")]
pub mod run;
#[cfg(feature = "data")]
mod tagger;
#[cfg(feature = "data")]
pub mod workloads;

#[cfg(feature = "data")]
pub use classifier::{Classifier, Prediction};
#[cfg(feature = "data")]
pub use tagger::Tagger;

pub use limbeck_engine as engine;
pub use limbeck_engine::gradcheck;
pub use limbeck_kernels as kernels;
pub use limbeck_losses as losses;
pub use limbeck_models as models;

#[cfg(feature = "data")]
pub use limbeck_data as data;
#[cfg(feature = "data")]
pub use limbeck_recipes as recipes;
#[cfg(feature = "data")]
pub use limbeck_recipes::text::{Tagged, TaggedSpan};
#[cfg(feature = "data")]
pub use limbeck_training as training;
