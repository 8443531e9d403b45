//! The losses of Limbeck.
#![forbid(unsafe_code)]
