//! What an operator sees of a pass on a GPU.

use super::Slot;
use crate::error::Result;
use crate::gpu::{Binding, Gpu, GpuSlice, Kernel};
use crate::shape::Meta;

/// A forward pass on a GPU.
pub struct GpuForward<'a> {
    pub(crate) metas: &'a [Meta],
    pub(crate) gpu: &'a Gpu,
    pub(crate) inputs: Vec<GpuSlice>,
    pub(crate) outputs: Vec<GpuSlice>,
    pub(crate) saved: Vec<GpuSlice>,
    pub(crate) workspace: Vec<GpuSlice>,
}

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

    /// Records zeros into a slice.
    ///
    /// # Errors
    /// If the GPU failed.
    pub fn zero(&self, slice: &GpuSlice) -> Result<()> {
        self.gpu.zero(slice)
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
