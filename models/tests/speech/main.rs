//! Networks over speech, of every trunk and output, on every device.
//!
//! The GPU needs an adapter: `LIMBECK_TEST_ADAPTER` names it (default `llvmpipe`), and
//! `LIMBECK_REQUIRE_GPU=1` turns a missing one into a failure.

mod batches;
#[path = "../common/mod.rs"]
mod common;
mod gradients;
mod refusals;
mod small;
mod trunks;
