//! Running one operator on whichever device it is.

use crate::device::Device;
use crate::error::{Error, Result};
use crate::operator::{Forward, Operator, Plan, Sink, Source};
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
