//! The named losses of the five methods, and how they are reduced.
//!
//! Every function follows the specification's conventions: sums over classes, means over
//! samples; the factor τ² is always on; the teacher's side is detached. The row-wise operators
//! they call are in `limbeck-kernels`.
#![forbid(unsafe_code)]

mod consistency;
mod labels;
pub mod layerwise;
mod supervised;
mod terms;
mod transfer;
mod units;

pub use consistency::{Consistency, Direction, LearningSide, consistency};
pub use labels::LabelLoss;
pub use supervised::{hard_cross_entropy, hinge, mean_over_samples, soft_cross_entropy};
pub use terms::{Term, total};
pub use transfer::{transfer_kl, transfer_kl_of_probabilities, transfer_mse};
pub use units::{Difference, NO_TRUTH, Transfer, Units};
