//! The contract between the tape and the operators.
//!
//! The tape knows an operator only through these traits. An operator is either
//! [`Differentiable`] or says why not with [`NonDifferentiable`]; there is no third way onto the
//! tape, so no gradient can be forgotten.

use std::fmt::Debug;

use crate::error::Result;
#[cfg(feature = "gpu")]
use crate::gpu::{Binding, Gpu, GpuSlice, Kernel};
use crate::shape::Meta;
use crate::tensor::Element;

/// What an operator will produce and need, from the shapes of its inputs alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The results.
    pub outputs: Vec<Meta>,
    /// What the forward pass leaves for the backward pass besides inputs and outputs.
    pub saved: Vec<Meta>,
    /// Scratch memory of the forward pass, released after it.
    pub workspace: Vec<Meta>,
    /// Scratch memory of the backward pass.
    pub backward_workspace: Vec<Meta>,
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

    /// Both passes need this scratch memory.
    #[must_use]
    pub fn scratch(mut self, meta: Meta) -> Self {
        self.workspace.push(meta);
        self.backward_workspace.push(meta);
        self
    }

    /// Only the backward pass needs this scratch memory.
    #[must_use]
    pub fn backward_scratch(mut self, meta: Meta) -> Self {
        self.backward_workspace.push(meta);
        self
    }

    /// Floating-point operations of the forward pass.
    #[must_use]
    pub fn flops(mut self, flops: usize) -> Self {
        self.flops = flops as u64;
        self
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

/// Host memory to read.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a, T> {
    Real(&'a [T]),
    Ids(&'a [u32]),
}

/// Host memory to write.
pub(crate) enum Sink<'a, T> {
    Real(&'a mut [T]),
    Ids(&'a mut [u32]),
}

/// A gradient to add into. A fresh one has arbitrary contents and may be overwritten.
pub(crate) struct Slot<S> {
    pub(crate) data: S,
    pub(crate) fresh: bool,
}

fn real<'a, T>(sources: &[Option<Source<'a, T>>], index: usize, what: &str) -> &'a [T] {
    match sources.get(index) {
        Some(Some(Source::Real(values))) => values,
        _ => panic!("operator bug: {what} {index} is not real numbers that the plan keeps"),
    }
}

fn ids<'a, T>(sources: &[Option<Source<'a, T>>], index: usize, what: &str) -> &'a [u32] {
    match sources.get(index) {
        Some(Some(Source::Ids(values))) => values,
        _ => panic!("operator bug: {what} {index} is not ids that the plan keeps"),
    }
}

fn take_real<'a, T>(sinks: &mut [Option<Sink<'a, T>>], index: usize, what: &str) -> &'a mut [T] {
    match sinks.get_mut(index).and_then(Option::take) {
        Some(Sink::Real(values)) => values,
        _ => panic!("operator bug: {what} {index} is not real numbers, or was taken before"),
    }
}

fn take_ids<'a, T>(sinks: &mut [Option<Sink<'a, T>>], index: usize, what: &str) -> &'a mut [u32] {
    match sinks.get_mut(index).and_then(Option::take) {
        Some(Sink::Ids(values)) => values,
        _ => panic!("operator bug: {what} {index} is not ids, or was taken before"),
    }
}

/// A forward pass on the host. Outputs have arbitrary contents and must be written whole; each
/// can be taken once.
pub struct Forward<'a, T> {
    pub(crate) metas: &'a [Meta],
    pub(crate) inputs: Vec<Option<Source<'a, T>>>,
    pub(crate) outputs: Vec<Option<Sink<'a, T>>>,
    pub(crate) saved: Vec<Option<Sink<'a, T>>>,
    pub(crate) workspace: Vec<Option<Sink<'a, T>>>,
}

impl<'a, T: Element> Forward<'a, T> {
    /// Element types and shapes of the inputs: what `infer` was given.
    pub fn metas(&self) -> &'a [Meta] {
        self.metas
    }

    /// Real numbers of input `index`.
    pub fn real(&self, index: usize) -> &'a [T] {
        real(&self.inputs, index, "input")
    }

    /// Ids of input `index`.
    pub fn ids(&self, index: usize) -> &'a [u32] {
        ids(&self.inputs, index, "input")
    }

    /// Real numbers of output `index`, to write.
    pub fn output(&mut self, index: usize) -> &'a mut [T] {
        take_real(&mut self.outputs, index, "output")
    }

    /// Ids of output `index`, to write.
    pub fn output_ids(&mut self, index: usize) -> &'a mut [u32] {
        take_ids(&mut self.outputs, index, "output")
    }

    /// Real numbers to leave for the backward pass.
    pub fn save(&mut self, index: usize) -> &'a mut [T] {
        take_real(&mut self.saved, index, "saved")
    }

    /// Ids to leave for the backward pass.
    pub fn save_ids(&mut self, index: usize) -> &'a mut [u32] {
        take_ids(&mut self.saved, index, "saved")
    }

    /// Scratch memory.
    pub fn scratch(&mut self, index: usize) -> &'a mut [T] {
        take_real(&mut self.workspace, index, "workspace")
    }
}

/// A backward pass on the host.
pub struct Backward<'a, T> {
    pub(crate) metas: &'a [Meta],
    pub(crate) inputs: Vec<Option<Source<'a, T>>>,
    pub(crate) outputs: Vec<Option<Source<'a, T>>>,
    pub(crate) saved: Vec<Option<Source<'a, T>>>,
    pub(crate) workspace: Vec<Option<Sink<'a, T>>>,
    pub(crate) upstream: Vec<Option<&'a [T]>>,
    pub(crate) gradients: Vec<Option<Slot<&'a mut [T]>>>,
}

impl<'a, T: Element> Backward<'a, T> {
    /// Element types and shapes of the inputs: what `infer` was given.
    pub fn metas(&self) -> &'a [Meta] {
        self.metas
    }

    /// Real numbers of a kept input.
    pub fn real(&self, index: usize) -> &'a [T] {
        real(&self.inputs, index, "input")
    }

    /// Ids of a kept input.
    pub fn ids(&self, index: usize) -> &'a [u32] {
        ids(&self.inputs, index, "input")
    }

    /// Real numbers of a kept output.
    pub fn output(&self, index: usize) -> &'a [T] {
        real(&self.outputs, index, "output")
    }

    /// Real numbers the forward pass saved.
    pub fn saved(&self, index: usize) -> &'a [T] {
        real(&self.saved, index, "saved")
    }

    /// Ids the forward pass saved.
    pub fn saved_ids(&self, index: usize) -> &'a [u32] {
        ids(&self.saved, index, "saved")
    }

    /// Scratch memory.
    pub fn scratch(&mut self, index: usize) -> &'a mut [T] {
        take_real(&mut self.workspace, index, "workspace")
    }

    /// The incoming gradient of the first output.
    pub fn upstream(&self) -> &'a [T] {
        self.upstream_of(0)
            .expect("a backward pass runs only if an output has a gradient")
    }

    /// The incoming gradient of output `index`, if the loss depends on that output.
    pub fn upstream_of(&self, index: usize) -> Option<&'a [T]> {
        self.upstream.get(index).copied().flatten()
    }

    /// Whether input `index` wants a gradient.
    pub fn wants(&self, index: usize) -> bool {
        self.gradients.get(index).is_some_and(Option::is_some)
    }
}

macro_rules! gradient_slots {
    ($zero:expr, $float:ty) => {
        impl<'a> Backward<'a, $float> {
            /// The gradient of input `index`, to add into; `None` if none is wanted.
            pub fn gradient(&mut self, index: usize) -> Option<&'a mut [$float]> {
                let slot = self.gradients.get_mut(index).and_then(Option::take)?;
                if slot.fresh {
                    slot.data.fill($zero);
                }
                Some(slot.data)
            }

            /// The gradient of input `index` and whether it must be added to; if not, its
            /// contents are arbitrary and must be overwritten whole.
            pub fn gradient_slot(&mut self, index: usize) -> Option<(&'a mut [$float], bool)> {
                let slot = self.gradients.get_mut(index).and_then(Option::take)?;
                Some((slot.data, !slot.fresh))
            }
        }
    };
}
gradient_slots!(0.0, f32);
gradient_slots!(0.0, f64);

/// A forward pass on a GPU.
#[cfg(feature = "gpu")]
pub struct GpuForward<'a> {
    pub(crate) metas: &'a [Meta],
    pub(crate) gpu: &'a Gpu,
    pub(crate) inputs: Vec<GpuSlice>,
    pub(crate) outputs: Vec<GpuSlice>,
    pub(crate) saved: Vec<GpuSlice>,
    pub(crate) workspace: Vec<GpuSlice>,
}

#[cfg(feature = "gpu")]
impl<'a> GpuForward<'a> {
    /// Element types and shapes of the inputs: what `infer` was given.
    pub fn metas(&self) -> &'a [Meta] {
        self.metas
    }

    /// The device.
    pub fn gpu(&self) -> &Gpu {
        self.gpu
    }

    /// Input `index`.
    pub fn input(&self, index: usize) -> &GpuSlice {
        &self.inputs[index]
    }

    /// Output `index`, to be written whole.
    pub fn output(&self, index: usize) -> &GpuSlice {
        &self.outputs[index]
    }

    /// What is left for the backward pass.
    pub fn save(&self, index: usize) -> &GpuSlice {
        &self.saved[index]
    }

    /// Scratch memory.
    pub fn scratch(&self, index: usize) -> &GpuSlice {
        &self.workspace[index]
    }

    /// Records a dispatch; see [`Gpu::dispatch`].
    ///
    /// # Errors
    /// If the GPU failed.
    pub fn dispatch(
        &self,
        kernel: &Kernel,
        bindings: &[Binding<'_>],
        parameters: &[u32],
        workgroups: usize,
    ) -> Result<()> {
        self.gpu.dispatch(kernel, bindings, parameters, workgroups)
    }
}

/// A backward pass on a GPU.
#[cfg(feature = "gpu")]
pub struct GpuBackward<'a> {
    pub(crate) metas: &'a [Meta],
    pub(crate) gpu: &'a Gpu,
    pub(crate) inputs: Vec<Option<GpuSlice>>,
    pub(crate) outputs: Vec<Option<GpuSlice>>,
    pub(crate) saved: Vec<GpuSlice>,
    pub(crate) workspace: Vec<GpuSlice>,
    pub(crate) upstream: Vec<Option<GpuSlice>>,
    pub(crate) gradients: Vec<Option<Slot<GpuSlice>>>,
}

#[cfg(feature = "gpu")]
impl<'a> GpuBackward<'a> {
    /// Element types and shapes of the inputs: what `infer` was given.
    pub fn metas(&self) -> &'a [Meta] {
        self.metas
    }

    /// The device.
    pub fn gpu(&self) -> &Gpu {
        self.gpu
    }

    /// A kept input.
    pub fn input(&self, index: usize) -> &GpuSlice {
        self.inputs[index]
            .as_ref()
            .expect("operator bug: the plan does not keep this input")
    }

    /// A kept output.
    pub fn output(&self, index: usize) -> &GpuSlice {
        self.outputs[index]
            .as_ref()
            .expect("operator bug: the plan does not keep this output")
    }

    /// What the forward pass saved.
    pub fn saved(&self, index: usize) -> &GpuSlice {
        &self.saved[index]
    }

    /// Scratch memory.
    pub fn scratch(&self, index: usize) -> &GpuSlice {
        &self.workspace[index]
    }

    /// The incoming gradient of the first output.
    pub fn upstream(&self) -> &GpuSlice {
        self.upstream_of(0)
            .expect("a backward pass runs only if an output has a gradient")
    }

    /// The incoming gradient of output `index`, if the loss depends on that output.
    pub fn upstream_of(&self, index: usize) -> Option<&GpuSlice> {
        self.upstream.get(index).and_then(Option::as_ref)
    }

    /// Whether input `index` wants a gradient.
    pub fn wants(&self, index: usize) -> bool {
        self.gradients.get(index).is_some_and(Option::is_some)
    }

    /// The gradient of input `index`, zeroed if it is fresh, to add into.
    ///
    /// # Errors
    /// If the GPU failed.
    pub fn gradient(&mut self, index: usize) -> Result<Option<GpuSlice>> {
        let Some((slice, accumulate)) = self.gradient_slot(index) else {
            return Ok(None);
        };
        if !accumulate {
            self.gpu.zero(&slice)?;
        }
        Ok(Some(slice))
    }

    /// The gradient of input `index` and whether it must be added to; if not, its contents are
    /// arbitrary and must be overwritten whole.
    pub fn gradient_slot(&mut self, index: usize) -> Option<(GpuSlice, bool)> {
        let slot = self.gradients.get_mut(index).and_then(Option::take)?;
        Some((slot.data, !slot.fresh))
    }

    /// Records a dispatch; see [`Gpu::dispatch`].
    ///
    /// # Errors
    /// If the GPU failed.
    pub fn dispatch(
        &self,
        kernel: &Kernel,
        bindings: &[Binding<'_>],
        parameters: &[u32],
        workgroups: usize,
    ) -> Result<()> {
        self.gpu.dispatch(kernel, bindings, parameters, workgroups)
    }
}
