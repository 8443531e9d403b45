//! The published methods of Limbeck, each written as its specification reads, and the run files
//! that describe a run of them.
#![forbid(unsafe_code)]

pub mod config;
pub mod layerwise;
