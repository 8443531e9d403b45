//! The training of Limbeck.
#![forbid(unsafe_code)]
