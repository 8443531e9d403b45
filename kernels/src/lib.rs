//! The operators of Limbeck.
#![deny(unsafe_code)]
