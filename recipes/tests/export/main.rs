//! Exported models say what ours say: held against the runtime `rten`, and read again from their folders.

mod graphs;
mod rounding;
mod runtime;
mod tiny;
