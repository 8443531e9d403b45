//! What an operator sees of a pass on the host: its inputs, outputs and scratch memory.

use std::any::Any;

use crate::host::HostBuffer;
use crate::shape::Meta;
use crate::tensor::Element;

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
    /// Memory of the inputs that are parameters; empty where they may change after the pass.
    pub(crate) parameters: Vec<Option<&'a HostBuffer<T>>>,
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

    /// What `make` gives of input `index`, kept for later passes until its numbers change: the same
    /// weights in the order in which a product reads them, say. `None` if the input is no parameter,
    /// if the tape records gradients, so that an update is to be expected, or if another operator
    /// keeps something of another type. `make` must not use other threads.
    pub fn derived<D: Any + Send + Sync>(
        &self,
        index: usize,
        make: impl FnOnce(&[T]) -> D,
    ) -> Option<&'a D> {
        let parameter: &'a HostBuffer<T> = (*self.parameters.get(index)?)?;
        parameter.derived(make)
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
