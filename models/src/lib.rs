//! The models of Limbeck.
#![forbid(unsafe_code)]
