//! The case tables and the proof that the three implementations of every operator agree.
//!
//! Each operator lists its cases once; tests, `audit`, benchmarks and the book all read the same
//! table. The checks put random coefficients **behind** the operator, so that one that drops its
//! incoming gradient is caught, and a loss is checked like any other operator.

mod case;
mod checks;
mod cost;
mod measure;
mod packed;
mod scenario;

pub use case::{Case, Draw, Entry, InPlace, Input, Subject, Tolerance};
pub use checks::{
    Comparison, Outcome, accumulated, compare, finite_differences, outcome, with_present,
};
pub use measure::{CpuPaths, FINITE_DIFFERENCE_TOLERANCE, Measurement, accumulation_error};
#[cfg(feature = "gpu")]
pub use measure::{WORKGROUP_LIMIT, measure_gpu};
pub use packed::{PackedIds, packed_ids};
pub(crate) use scenario::Scenario;
