//! Running one operator on whichever device it is.

use super::Node;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::operator::{Backward, Forward, Operator, Plan, Sink, Slot, Source};
use crate::shape::{DType, Meta};
use crate::tensor::{Element, Tensor};

/// Allocates what the plan asks for and runs the forward pass. Returns (outputs, saved). Where it is
/// not recorded, parameters are taken to last longer than the pass.
pub(super) fn forward<O: Operator + ?Sized>(
    device: &Device,
    operator: &O,
    plan: &Plan,
    inputs: &[&Tensor],
    recording: bool,
) -> Result<(Vec<Tensor>, Vec<Tensor>)> {
    let metas: Vec<Meta> = inputs.iter().map(|t| t.meta()).collect();
    let mut outputs = allocate(device, &plan.outputs)?;
    let mut saved = allocate(device, &plan.saved)?;
    let mut workspace = allocate(device, plan.workspace.on(device.layout()))?;
    match device {
        Device::Cpu(_) => {
            let mut io = host(&metas, inputs, &mut outputs, &mut saved, &mut workspace);
            if !recording {
                let buffers = inputs.iter().map(|input| input.parameter_buffer());
                io.parameters = buffers.collect();
            }
            operator.forward_cpu(&mut io);
        }
        Device::Reference(_) => {
            operator.forward_reference(&mut host(
                &metas,
                inputs,
                &mut outputs,
                &mut saved,
                &mut workspace,
            ));
        }
        #[cfg(feature = "gpu")]
        Device::Gpu(gpu) => {
            gpu.announce(plan.flops);
            operator.forward_gpu(&mut crate::operator::GpuForward {
                gpu,
                metas: &metas,
                inputs: gpu_slices(inputs.iter().copied()),
                outputs: gpu_slices(&outputs),
                saved: gpu_slices(&saved),
                workspace: gpu_slices(&workspace),
            })?;
        }
        Device::Shapes(_) => {}
    }
    Ok((outputs, saved))
}

fn host<'a, T: Element>(
    metas: &'a [Meta],
    inputs: &[&'a Tensor],
    outputs: &'a mut [Tensor],
    saved: &'a mut [Tensor],
    workspace: &'a mut [Tensor],
) -> Forward<'a, T> {
    Forward {
        metas,
        inputs: inputs.iter().map(|t| source(t)).collect(),
        parameters: Vec::new(),
        outputs: outputs.iter_mut().map(sink).collect(),
        saved: saved.iter_mut().map(sink).collect(),
        workspace: workspace.iter_mut().map(sink).collect(),
    }
}

pub(super) fn allocate(device: &Device, metas: &[Meta]) -> Result<Vec<Tensor>> {
    metas.iter().map(|&meta| device.empty(meta)).collect()
}

pub(super) fn source<T: Element>(tensor: &Tensor) -> Option<Source<'_, T>> {
    match tensor.meta().dtype {
        DType::Real => tensor.host::<T>().map(Source::Real),
        DType::Ids => tensor.host::<u32>().map(Source::Ids),
    }
}

pub(super) fn sink<T: Element>(tensor: &mut Tensor) -> Option<Sink<'_, T>> {
    match tensor.meta().dtype {
        DType::Real => tensor.host_mut::<T>().map(Sink::Real),
        DType::Ids => tensor.host_mut::<u32>().map(Sink::Ids),
    }
}

#[cfg(feature = "gpu")]
pub(super) fn gpu_slices<'t>(
    tensors: impl IntoIterator<Item = &'t Tensor>,
) -> Vec<crate::gpu::GpuSlice> {
    tensors.into_iter().filter_map(Tensor::gpu_slice).collect()
}

/// Refuses a tensor with an element that is not finite, saying which.
pub(super) fn require_finite(
    tensor: &Tensor,
    operator: &str,
    scope: &str,
    what: &str,
) -> Result<()> {
    if tensor.meta().dtype == DType::Ids || tensor.device().is_shapes() {
        return Ok(());
    }
    let values = tensor.read_f64()?;
    let Some(at) = values.iter().position(|v| !v.is_finite()) else {
        return Ok(());
    };
    let columns = tensor.shape().columns().max(1);
    Err(Error::NonFinite(format!(
        "{operator} at \"{scope}\": its {what} of shape {} is {} at row {}, column {}",
        tensor.shape(),
        values[at],
        at / columns,
        at % columns
    )))
}

/// The backward pass of an operator: adds into the targets, or overwrites those that are fresh.
pub(super) fn backward(
    device: &Device,
    node: &Node,
    upstream: &[Option<Tensor>],
    targets: &mut [Option<(Tensor, bool)>],
    workspace: &mut [Tensor],
) -> Result<()> {
    match device {
        Device::Cpu(_) => {
            let mut io = host_backward(node, upstream, targets, workspace);
            node.operator.backward_cpu(&mut io);
            require_taken(node, io.gradients.iter().all(Option::is_none));
        }
        Device::Reference(_) => {
            let mut io = host_backward(node, upstream, targets, workspace);
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
                saved: gpu_slices(&node.saved),
                workspace: gpu_slices(&*workspace),
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

fn host_backward<'a, T: Element>(
    node: &'a Node,
    upstream: &'a [Option<Tensor>],
    targets: &'a mut [Option<(Tensor, bool)>],
    workspace: &'a mut [Tensor],
) -> Backward<'a, T> {
    let kept = |tensors: &'a [Option<Tensor>]| {
        tensors
            .iter()
            .map(|t| t.as_ref().and_then(source))
            .collect()
    };
    Backward {
        metas: &node.input_metas,
        inputs: kept(&node.kept_inputs),
        outputs: kept(&node.kept_outputs),
        saved: node.saved.iter().map(source).collect(),
        workspace: workspace.iter_mut().map(sink).collect(),
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
