//! The machine room of Limbeck: devices, memory, tensors, the tape, parameters and random
//! numbers. It knows no operator.
//!
//! A reader new to it starts with [`Operator`] and [`Differentiable`], the contract every
//! operator keeps, then reads [`Tape::apply_shared`] and [`Tape::backward`], which are all that
//! automatic differentiation needs.
#![deny(unsafe_code)]

mod device;
pub mod differences;
mod error;
#[cfg(feature = "gpu")]
mod gpu;
mod gradcheck;
mod host;
mod ledger;
mod operator;
mod packed;
mod parameters;
mod philox;
mod profile;
mod shape;
mod tape;
mod tensor;
mod time_major;
mod token_ids;

pub use device::Device;
pub use error::{Error, Result};
#[cfg(feature = "gpu")]
pub use gpu::{
    AdapterSummary, Binding, Gpu, GpuCounters, GpuSlice, KeptBuffer, KeptDispatch, Kernel,
    adapters, set_workgroup_limit,
};
pub use gradcheck::{GradientReport, ParameterCheck, SuspectOperator, gradcheck};
pub use host::{
    HostBuffer, HostPool, InstructionSet, chunked, chunked_pair, instruction_set,
    parallel_threshold, set_instruction_set, set_parallel_threshold, worth_splitting,
};
pub use ledger::{Layout, Ledger};
pub use operator::{
    Backward, Differentiable, Forward, NonDifferentiable, Operator, Plan, Workspace,
};
#[cfg(feature = "gpu")]
pub use operator::{GpuBackward, GpuForward};
pub use packed::Packed;
pub use parameters::{
    BLOCK, ParameterId, ParameterStore, ParameterVector, Record, RowGradient, StoreBuilder,
};
pub use philox::{Stream, drop_threshold, philox};
pub use profile::{Cost, Pass, Profile};
pub use shape::{DType, Meta, Shape};
pub use tape::{Line, Tape, Unreached, Var};
pub use tensor::{Element, Tensor};
pub use time_major::TimeMajor;
pub use token_ids::{Fingerprint, TokenIds};
