//! Host memory and threads, used by the CPU and the reference device.

mod buffer;
mod threads;

pub(crate) use buffer::{FreeBuffers, size_class, words_of};
pub use buffer::{HostBuffer, HostPool};
pub use threads::{
    InstructionSet, chunked, chunked_pair, instruction_set, parallel_threshold,
    set_instruction_set, set_parallel_threshold, worth_splitting,
};
