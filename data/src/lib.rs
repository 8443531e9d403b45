//! The data of Limbeck.
#![forbid(unsafe_code)]
