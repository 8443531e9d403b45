//! Limbeck trains small text models and distils them.
#![forbid(unsafe_code)]

pub use limbeck_engine as engine;
pub use limbeck_kernels as kernels;
pub use limbeck_losses as losses;
pub use limbeck_models as models;
