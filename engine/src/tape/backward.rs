//! The reverse pass.

use std::sync::Arc;

use super::{Node, SlotInfo, Step, Tape, Target, Var, run};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::parameters::{ParameterStore, ParameterVector, RowGradient};
use crate::profile::{Pass, Profile, timed};
use crate::tensor::Tensor;

/// The trainable parameters that a backward pass did not reach.
#[derive(Debug)]
#[must_use = "a parameter without gradient is usually a mistake in the model"]
pub struct Unreached {
    parameters: Vec<(u64, usize)>,
}

impl Unreached {
    /// An error that names the parameters of these stores, if there are any.
    ///
    /// # Errors
    /// [`Error::NoGradient`].
    pub fn refuse(&self, stores: &[&ParameterStore]) -> Result<()> {
        let name = |&(store, index): &(u64, usize)| {
            let store = stores.iter().find(|s| s.id() == store)?;
            Some(store.records()[index].name.clone())
        };
        let names: Vec<String> = self.parameters.iter().filter_map(name).collect();
        if names.is_empty() {
            Ok(())
        } else {
            Err(Error::NoGradient(names))
        }
    }

    /// Number of parameters without a gradient.
    pub fn len(&self) -> usize {
        self.parameters.len()
    }

    /// Whether every trainable parameter received a gradient.
    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty()
    }
}

/// Gradients on their way back.
pub(super) struct Flow<'a, 'v> {
    pub(super) device: Device,
    pub(super) traced: bool,
    pub(super) profile: Option<Arc<Profile>>,
    slots: Vec<SlotInfo>,
    taken: Vec<Tensor>,
    /// The gradient of each slot, as far as it is known.
    pub(super) values: Vec<Option<Tensor>>,
    pub(super) into: &'a mut [&'v mut ParameterVector],
    /// Which parameters have got a gradient, for each of the vectors.
    pub(super) reached: &'a mut [Vec<bool>],
}

impl Tape {
    /// Adds the gradient of a scalar loss into the vectors, one per store to train. The tape is
    /// used up: everything it kept is released on the way.
    ///
    /// # Errors
    /// If the loss is no scalar of this tape, or the device fails.
    pub fn backward(self, loss: &Var, gradients: &mut [&mut ParameterVector]) -> Result<Unreached> {
        if loss.shape().elements() != 1 {
            return Err(Error::Shape {
                operator: "backward",
                message: format!(
                    "expected a loss of one element, found shape {}",
                    loss.shape()
                ),
            });
        }
        let one = self.device.real(&[1.0], loss.shape())?;
        Ok(self.reverse(vec![(loss, one)], gradients)?.1)
    }

    /// The gradients of the [`Tape::watched`] values, in the order in which they were made (zeros
    /// where nothing depends on them), of the sum over `seeds` of each value times its
    /// coefficients: a vector-Jacobian product.
    ///
    /// # Errors
    /// If a seed is not of this tape or its coefficients have another shape, or the device fails.
    pub fn gradients(self, seeds: Vec<(&Var, Tensor)>) -> Result<Vec<Tensor>> {
        Ok(self.reverse(seeds, &mut [])?.0)
    }

    pub(crate) fn reverse(
        self,
        seeds: Vec<(&Var, Tensor)>,
        gradients: &mut [&mut ParameterVector],
    ) -> Result<(Vec<Tensor>, Unreached)> {
        let id = self.id;
        let reached = gradients.iter().map(|g| vec![false; g.slices().len()]);
        let mut reached: Vec<Vec<bool>> = reached.collect();
        let (mut flow, steps) = Flow::of(self, gradients, &mut reached);
        for (var, coefficients) in seeds {
            if var.shape() != coefficients.shape() {
                return Err(Error::Shape {
                    operator: "backward",
                    message: format!(
                        "coefficients of shape {} for a value of shape {}",
                        coefficients.shape(),
                        var.shape()
                    ),
                });
            }
            let Some((tape, slot)) = var.slot else {
                continue;
            };
            if tape != id {
                return Err(Error::Mismatch(
                    "the loss was computed on another tape".into(),
                ));
            }
            flow.give(slot, coefficients)?;
        }
        flow.walk(steps)?;
        flow.finish()
    }
}

impl<'a, 'v> Flow<'a, 'v> {
    /// A flow without gradients yet, and the steps it is to walk.
    pub(super) fn of(
        tape: Tape,
        into: &'a mut [&'v mut ParameterVector],
        reached: &'a mut [Vec<bool>],
    ) -> (Self, Vec<Step>) {
        let slots = tape.slots.into_inner();
        let flow = Flow {
            device: tape.device,
            traced: tape.traced.get(),
            profile: tape.profile.into_inner(),
            taken: tape.taken.into_inner(),
            values: slots.iter().map(|_| None).collect(),
            slots,
            into,
            reached,
        };
        (flow, tape.steps.into_inner())
    }

    /// Goes back from the last step to the first.
    pub(super) fn walk(&mut self, steps: Vec<Step>) -> Result<()> {
        for step in steps.into_iter().rev() {
            match step {
                Step::Operator(node) => {
                    let pass = (node.operator.name(), Pass::Backward);
                    let plan = (node.plan.flops, node.plan.bytes);
                    let profile = self.profile.clone();
                    timed(profile.as_deref(), pass, plan, || self.step(node))?;
                }
                Step::Checkpoint(segment) => self.replay(segment)?,
            }
        }
        self.give_rows()
    }

    /// The reverse of one node: takes the gradients of its outputs, adds to those of its inputs.
    fn step(&mut self, node: Node) -> Result<()> {
        let upstream: Vec<Option<Tensor>> = node
            .outputs
            .iter()
            .map(|&slot| self.values[slot].take())
            .collect();
        if upstream.iter().all(Option::is_none) {
            return Ok(());
        }
        let mut targets: Vec<Option<(Tensor, bool)>> = Vec::with_capacity(node.inputs.len());
        for &slot in &node.inputs {
            targets.push(slot.map(|slot| self.take(slot)).transpose()?);
        }
        let scratch = node.plan.backward_workspace.on(self.device.layout());
        let mut workspace = run::allocate(&self.device, scratch)?;
        run::backward(&self.device, &node, &upstream, &mut targets, &mut workspace)?;
        for (slot, target) in node.inputs.iter().zip(targets) {
            if let Some((slot, (tensor, _))) = slot.zip(target) {
                if self.traced {
                    run::require_finite(&tensor, node.operator.name(), &node.scope, "gradient")?;
                }
                self.give(slot, tensor)?;
            }
        }
        Ok(())
    }

    /// The gradient tensor of a slot and whether it is fresh.
    fn take(&mut self, slot: usize) -> Result<(Tensor, bool)> {
        if let Target::Parameter { store, id } = self.slots[slot].target
            && let Some(which) = self.into.iter().position(|v| v.store == store)
            && let Some(tensor) = self.into[which].slices_mut()[id.index()].take()
        {
            return Ok((tensor, false));
        }
        match self.values[slot].take() {
            Some(tensor) => Ok((tensor, false)),
            None => Ok((self.device.empty(self.slots[slot].meta)?, true)),
        }
    }

    /// Returns a gradient to where it belongs. An operator that reads one value twice returns
    /// two, which are added.
    pub(super) fn give(&mut self, slot: usize, tensor: Tensor) -> Result<()> {
        if let Target::Parameter { store, id } = self.slots[slot].target
            && let Some(which) = self.into.iter().position(|v| v.store == store)
        {
            self.reached[which][id.index()] = true;
            let place = &mut self.into[which].slices_mut()[id.index()];
            return put(place, tensor, &self.device);
        }
        put(&mut self.values[slot], tensor, &self.device)
    }

    /// Hands the gradients of rows to the vectors of their parameters.
    fn give_rows(&mut self) -> Result<()> {
        for (slot, info) in self.slots.iter().enumerate() {
            let Target::Rows {
                store,
                id,
                taken: list,
            } = info.target
            else {
                continue;
            };
            let which = self.into.iter().position(|v| v.store == store);
            let Some((values, which)) = self.values[slot].take().zip(which) else {
                continue;
            };
            self.reached[which][id.index()] = true;
            let ids = self.taken[list].clone();
            let place = &mut self.into[which].rows[id.index()];
            if place.replace(RowGradient { ids, values }).is_some() {
                return Err(Error::Mismatch(format!(
                    "parameter_rows: rows of parameter {} have a gradient already: take all rows of \
                     a step at once, and forget a step's gradients before the next",
                    id.index()
                )));
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(Vec<Tensor>, Unreached)> {
        let mut watched = Vec::new();
        for (slot, info) in self.slots.iter().enumerate() {
            if info.target == Target::Watched {
                watched.push(match self.values[slot].take() {
                    Some(tensor) => tensor,
                    None => self.device.zeros(info.meta.shape)?,
                });
            }
        }
        let mut parameters = Vec::new();
        for (vector, reached) in self.into.iter().zip(self.reached.iter()) {
            let missing = reached.iter().zip(vector.slices()).enumerate();
            parameters.extend(missing.filter_map(|(index, (&reached, slice))| {
                let expected = slice.is_some() || vector.is_row_sparse(index);
                (!reached && expected).then_some((vector.store, index))
            }));
        }
        Ok((watched, Unreached { parameters }))
    }
}

fn put(place: &mut Option<Tensor>, tensor: Tensor, device: &Device) -> Result<()> {
    match place {
        None => *place = Some(tensor),
        Some(present) => add_into(present, &tensor, device)?,
    }
    Ok(())
}

/// `into += from`, elementwise.
fn add_into(into: &mut Tensor, from: &Tensor, device: &Device) -> Result<()> {
    if let Some((into, from)) = into.host_mut::<f32>().zip(from.host::<f32>()) {
        into.iter_mut().zip(from).for_each(|(a, b)| *a += b);
        return Ok(());
    }
    if let Some((into, from)) = into.host_mut::<f64>().zip(from.host::<f64>()) {
        into.iter_mut().zip(from).for_each(|(a, b)| *a += b);
        return Ok(());
    }
    #[cfg(feature = "gpu")]
    if let (Some(gpu), Some(a), Some(b)) = (device.gpu_handle(), into.gpu_slice(), from.gpu_slice())
    {
        use crate::gpu::{Binding, Kernel};
        static ADD: Kernel = Kernel {
            name: "engine::add",
            source: &[include_str!("../gpu/add.wgsl")],
            entry: "add",
        };
        let bindings = [Binding::Write(&a), Binding::Read(&b)];
        return gpu.dispatch(&ADD, &bindings, &[a.len() as u32], a.len().div_ceil(256));
    }
    let _ = device;
    Ok(())
}
