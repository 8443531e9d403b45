//! The recipes of Limbeck.
#![forbid(unsafe_code)]
