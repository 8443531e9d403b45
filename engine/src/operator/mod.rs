//! The contract between the tape and the operators.
//!
//! The tape knows an operator only through these traits. An operator is either
//! [`Differentiable`] or says why not with [`NonDifferentiable`]; there is no third way onto the
//! tape, so no gradient can be forgotten.

#[cfg(feature = "gpu")]
mod gpu;
mod host;

use std::fmt::Debug;

use crate::error::Result;
use crate::ledger::Layout;
use crate::shape::Meta;

#[cfg(feature = "gpu")]
pub use gpu::{GpuBackward, GpuForward};
pub use host::{Backward, Forward};
pub(crate) use host::{Sink, Slot, Source};

/// What an operator will produce and need, from the shapes of its inputs alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The results.
    pub outputs: Vec<Meta>,
    /// What the forward pass leaves for the backward pass besides inputs and outputs.
    pub saved: Vec<Meta>,
    /// Scratch memory of the forward pass, released after it.
    pub workspace: Workspace,
    /// Scratch memory of the backward pass.
    pub backward_workspace: Workspace,
    /// Inputs whose values the backward pass reads.
    pub keep_inputs: Vec<usize>,
    /// Outputs whose values the backward pass reads.
    pub keep_outputs: Vec<usize>,
    /// Floating-point operations of the forward pass.
    pub flops: u64,
    /// Bytes the forward pass reads and writes.
    pub bytes: u64,
}

impl Plan {
    /// One output; bytes are those of inputs and output.
    pub fn new(inputs: &[Meta], output: Meta) -> Self {
        let bytes = inputs
            .iter()
            .chain([&output])
            .map(|m| m.bytes() as u64)
            .sum();
        Plan {
            outputs: vec![output],
            bytes,
            ..Plan::default()
        }
    }

    /// The backward pass reads these inputs.
    #[must_use]
    pub fn keep_inputs(mut self, inputs: impl IntoIterator<Item = usize>) -> Self {
        self.keep_inputs = inputs.into_iter().collect();
        self
    }

    /// The backward pass reads these outputs.
    #[must_use]
    pub fn keep_outputs(mut self, outputs: impl IntoIterator<Item = usize>) -> Self {
        self.keep_outputs = outputs.into_iter().collect();
        self
    }

    /// The forward pass leaves this for the backward pass.
    #[must_use]
    pub fn save(mut self, meta: Meta) -> Self {
        self.saved.push(meta);
        self
    }

    /// The backward pass needs this scratch memory, on the CPU and on GPUs.
    #[must_use]
    pub fn backward_scratch(mut self, meta: Meta) -> Self {
        self.backward_workspace.cpu.push(meta);
        self.backward_workspace.gpu.push(meta);
        self
    }

    /// Floating-point operations of the forward pass.
    #[must_use]
    pub fn flops(mut self, flops: usize) -> Self {
        self.flops = flops as u64;
        self
    }
}

/// Scratch memory of one pass. Each device gets what its own version of the operator uses; the
/// reference uses none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Workspace {
    /// What the CPU's version uses.
    pub cpu: Vec<Meta>,
    /// What the shaders use.
    pub gpu: Vec<Meta>,
}

impl Workspace {
    /// What an operator gets on a device of this layout.
    pub fn on(&self, layout: Layout) -> &[Meta] {
        match layout {
            Layout::Cpu => &self.cpu,
            Layout::Gpu => &self.gpu,
            Layout::Reference => &[],
        }
    }
}

/// The forward half of an operator on every device.
pub trait Operator: Debug + Send + Sync {
    /// The name of its folder.
    fn name(&self) -> &'static str;

    /// Checks the inputs' shapes and says what the operator will need.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] with the expected and the found shapes.
    fn infer(&self, inputs: &[Meta]) -> Result<Plan>;

    /// Plain loops in f64: the definition.
    fn forward_reference(&self, io: &mut Forward<'_, f64>);

    /// f32 with SIMD and threads.
    fn forward_cpu(&self, io: &mut Forward<'_, f32>);

    /// Records the shaders.
    ///
    /// # Errors
    /// If the GPU failed.
    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()>;
}

/// The backward half: adds into the gradients of the inputs that want one.
pub trait Differentiable: Operator {
    /// Plain loops in f64.
    fn backward_reference(&self, io: &mut Backward<'_, f64>);

    /// f32 with SIMD and threads.
    fn backward_cpu(&self, io: &mut Backward<'_, f32>);

    /// Records the shaders.
    ///
    /// # Errors
    /// If the GPU failed.
    #[cfg(feature = "gpu")]
    fn backward_gpu(&self, io: &mut GpuBackward<'_>) -> Result<()>;
}

/// An operator whose results are constants for the tape.
pub trait NonDifferentiable: Operator {
    /// Why there is no gradient.
    fn reason(&self) -> &'static str;
}
