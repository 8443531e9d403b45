//! The reverse pass.

use super::{Node, SlotInfo, Tape, Target, Var, run};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::operator::{Backward, Slot};
use crate::parameters::{ParameterStore, ParameterVector, RowGradient};
use crate::profile::{Pass, timed};
use crate::tensor::{Element, Tensor};

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
struct Flow<'a, 'v> {
    device: &'a Device,
    slots: &'a [SlotInfo],
    values: Vec<Option<Tensor>>,
    into: &'a mut [&'v mut ParameterVector],
    reached: Vec<Vec<bool>>,
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
        let (nodes, slots) = (self.nodes.into_inner(), self.slots.into_inner());
        let taken = self.taken.into_inner();
        let profile = self.profile.into_inner();
        let reached = gradients
            .iter()
            .map(|g| vec![false; g.slices().len()])
            .collect();
        let mut flow = Flow {
            device: &self.device,
            slots: &slots,
            values: slots.iter().map(|_| None).collect(),
            into: gradients,
            reached,
        };
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
            if tape != self.id {
                return Err(Error::Mismatch(
                    "the loss was computed on another tape".into(),
                ));
            }
            flow.give(slot, coefficients)?;
        }
        for node in nodes.into_iter().rev() {
            let pass = (node.operator.name(), Pass::Backward);
            let plan = (node.plan.flops, node.plan.bytes);
            timed(profile.as_deref(), pass, plan, || {
                flow.step(node, self.traced.get())
            })?;
        }
        flow.give_rows(&taken)?;
        flow.finish()
    }
}

impl Flow<'_, '_> {
    /// The reverse of one node: takes the gradients of its outputs, adds to those of its inputs.
    fn step(&mut self, node: Node, traced: bool) -> Result<()> {
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
        let mut workspace = run::allocate(self.device, scratch)?;
        run_backward(self.device, &node, &upstream, &mut targets, &mut workspace)?;
        for (slot, target) in node.inputs.iter().zip(targets) {
            if let Some((slot, (tensor, _))) = slot.zip(target) {
                if traced {
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
    fn give(&mut self, slot: usize, tensor: Tensor) -> Result<()> {
        if let Target::Parameter { store, id } = self.slots[slot].target
            && let Some(which) = self.into.iter().position(|v| v.store == store)
        {
            self.reached[which][id.index()] = true;
            let place = &mut self.into[which].slices_mut()[id.index()];
            return put(place, tensor, self.device);
        }
        put(&mut self.values[slot], tensor, self.device)
    }

    /// Hands the gradients of rows to the vectors of their parameters.
    fn give_rows(&mut self, taken: &[Tensor]) -> Result<()> {
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
            let ids = taken[list].clone();
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
        for (vector, reached) in self.into.iter().zip(&self.reached) {
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

fn run_backward(
    device: &Device,
    node: &Node,
    upstream: &[Option<Tensor>],
    targets: &mut [Option<(Tensor, bool)>],
    workspace: &mut [Tensor],
) -> Result<()> {
    match device {
        Device::Cpu(_) => {
            let mut io = host(node, upstream, targets, workspace);
            node.operator.backward_cpu(&mut io);
            require_taken(node, io.gradients.iter().all(Option::is_none));
        }
        Device::Reference(_) => {
            let mut io = host(node, upstream, targets, workspace);
            node.operator.backward_reference(&mut io);
            require_taken(node, io.gradients.iter().all(Option::is_none));
        }
        #[cfg(feature = "gpu")]
        Device::Gpu(gpu) => {
            // A gradient per factor of a product: twice the forward pass.
            gpu.announce(2 * node.plan.flops);
            let slice = |t: &Option<Tensor>| t.as_ref().and_then(Tensor::gpu_slice);
            let mut io = crate::operator::GpuBackward {
                gpu,
                metas: &node.input_metas,
                inputs: node.kept_inputs.iter().map(slice).collect(),
                outputs: node.kept_outputs.iter().map(slice).collect(),
                saved: run::gpu_slices(&node.saved),
                workspace: run::gpu_slices(&*workspace),
                upstream: upstream.iter().map(slice).collect(),
                gradients: targets
                    .iter()
                    .map(|t| {
                        let (tensor, fresh) = t.as_ref()?;
                        Some(Slot {
                            data: tensor.gpu_slice()?,
                            fresh: *fresh,
                        })
                    })
                    .collect(),
            };
            node.operator.backward_gpu(&mut io)?;
            require_taken(node, io.gradients.iter().all(Option::is_none));
        }
        Device::Shapes(_) => {}
    }
    Ok(())
}

/// A gradient slot that was not taken would hold garbage.
fn require_taken(node: &Node, all_taken: bool) {
    assert!(
        all_taken,
        "operator bug: {} left a gradient unwritten (inputs {:?})",
        node.operator.name(),
        node.input_metas
    );
}

fn host<'a, T: Element>(
    node: &'a Node,
    upstream: &'a [Option<Tensor>],
    targets: &'a mut [Option<(Tensor, bool)>],
    workspace: &'a mut [Tensor],
) -> Backward<'a, T> {
    let kept = |tensors: &'a [Option<Tensor>]| {
        tensors
            .iter()
            .map(|t| t.as_ref().and_then(run::source))
            .collect()
    };
    Backward {
        metas: &node.input_metas,
        inputs: kept(&node.kept_inputs),
        outputs: kept(&node.kept_outputs),
        saved: node.saved.iter().map(run::source).collect(),
        workspace: workspace.iter_mut().map(run::sink).collect(),
        upstream: upstream
            .iter()
            .map(|t| t.as_ref().and_then(Tensor::host))
            .collect(),
        gradients: targets
            .iter_mut()
            .map(|t| {
                let (tensor, fresh) = t.as_mut()?;
                Some(Slot {
                    fresh: *fresh,
                    data: tensor.host_mut::<T>()?,
                })
            })
            .collect(),
    }
}
