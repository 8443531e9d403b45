//! The shaders of conv1d, max_over_time and activation, one after another.

use limbeck_engine::{GpuBackward, GpuForward, Result};

use super::{BIAS, OFFSETS};
use crate::activation;
use crate::conv1d::{Conv1d, Sizes, gpu as convolution};
use crate::max_over_time::gpu as maximum;
use crate::shared::gpu::column_sums;
use crate::shared::sequences;

pub(super) fn forward(operator: &Conv1d, sizes: Sizes, io: &GpuForward<'_>) -> Result<()> {
    let (gpu, z) = (io.gpu(), io.scratch(0));
    let operands = [io.input(0), io.input(1), io.input(2), io.input(BIAS)];
    convolution::windows(gpu, operator, sizes, operands, z)?;
    let largest = if operator.activation.is_some() {
        io.save(1)
    } else {
        io.output(0)
    };
    let pooled = pooled_sizes(operator, sizes);
    maximum::largest(gpu, pooled, [z, io.input(OFFSETS)], [largest, io.save(0)])?;
    match operator.activation {
        None => Ok(()),
        Some(function) => activation::gpu::apply(gpu, function, largest, io.output(0)),
    }
}

pub(super) fn backward(operator: &Conv1d, sizes: Sizes, io: &mut GpuBackward<'_>) -> Result<()> {
    let at_largest = match operator.activation {
        None => io.upstream().clone(),
        Some(function) => {
            let dz = io.scratch(0).clone();
            let operands = [io.saved(1), io.upstream()];
            activation::gpu::derive(io.gpu(), function, operands, &dz, false)?;
            dz
        }
    };
    let dz = io.scratch(1).clone();
    let pooled = pooled_sizes(operator, sizes);
    let operands = [&at_largest, io.input(OFFSETS), io.saved(0)];
    maximum::spread(io.gpu(), pooled, operands, &dz, false)?;
    if let Some((dx, accumulate)) = io.gradient_slot(0) {
        let operands = [&dz, io.input(1), io.input(2)];
        convolution::input_gradient(io.gpu(), operator, sizes, operands, &dx, accumulate)?;
    }
    if let Some((dw, accumulate)) = io.gradient_slot(1) {
        let operands = [io.input(0), &dz, io.input(2)];
        convolution::weight_gradient(io.gpu(), operator, sizes, operands, &dw, accumulate)?;
    }
    if let Some((db, accumulate)) = io.gradient_slot(BIAS) {
        let shape = (pooled.sequences, pooled.columns);
        column_sums(io.gpu(), &at_largest, shape, &db, accumulate)?;
    }
    Ok(())
}

fn pooled_sizes(operator: &Conv1d, sizes: Sizes) -> sequences::Sizes {
    sequences::Sizes {
        rows: sizes.rows,
        sequences: operator.lengths.len(),
        columns: sizes.outputs,
    }
}
