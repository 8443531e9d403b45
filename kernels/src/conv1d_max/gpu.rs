//! The shaders of conv1d, max_over_time and activation, one after another; one of its own for the
//! maximum behind a residual connection.

use limbeck_engine::{Binding, GpuBackward, GpuForward, Kernel, Result};

use super::{BIAS, Conv1dMax, OFFSETS};
use crate::activation::{self, Activation, gpu::FUNCTIONS};
use crate::conv1d::{Sizes, gpu as convolution};
use crate::max_over_time::gpu as maximum;
use crate::shared::gpu::{column_sums, elementwise};
use crate::shared::{sequences, wgsl};

pub(super) static LARGEST: Kernel = Kernel {
    name: "conv1d_max::largest",
    source: &[
        wgsl::COMMON,
        wgsl::ORDER,
        wgsl::MATH,
        FUNCTIONS,
        include_str!("largest.wgsl"),
    ],
    entry: "largest",
};

pub(super) fn forward(operator: &Conv1dMax, sizes: Sizes, io: &GpuForward<'_>) -> Result<()> {
    let (gpu, z) = (io.gpu(), io.scratch(0));
    let operands = [io.input(0), io.input(1), io.input(2), io.input(BIAS)];
    convolution::windows(gpu, &operator.convolution, sizes, operands, z)?;
    let activation = operator.convolution.activation;
    // z at the maximum is wanted by an activation alone; else it goes to scratch memory.
    let at_largest = if activation.is_some() {
        io.save(1)
    } else {
        io.scratch(1)
    };
    let pooled = pooled_sizes(operator, sizes);
    if operator.residual {
        let bindings = [
            Binding::Read(z),
            Binding::Read(io.input(0)),
            Binding::Read(io.input(OFFSETS)),
            Binding::Write(io.output(0)),
            Binding::Write(io.save(0)),
            Binding::Write(at_largest),
        ];
        let count = pooled.sequences * pooled.columns;
        let code = activation.map_or(0, Activation::code);
        let parameters = [count as u32, pooled.columns as u32, code];
        return io.dispatch(&LARGEST, &bindings, &parameters, elementwise(count));
    }
    let largest = if activation.is_some() {
        at_largest
    } else {
        io.output(0)
    };
    maximum::largest(gpu, pooled, [z, io.input(OFFSETS)], [largest, io.save(0)])?;
    match activation {
        None => Ok(()),
        Some(function) => activation::gpu::apply(gpu, function, largest, io.output(0)),
    }
}

pub(super) fn backward(operator: &Conv1dMax, sizes: Sizes, io: &mut GpuBackward<'_>) -> Result<()> {
    let convolution = &operator.convolution;
    let at_largest = match convolution.activation {
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
        convolution::input_gradient(io.gpu(), convolution, sizes, operands, &dx, accumulate)?;
        if operator.residual {
            let operands = [io.upstream(), io.input(OFFSETS), io.saved(0)];
            maximum::spread(io.gpu(), pooled, operands, &dx, true)?;
        }
    }
    if let Some((dw, accumulate)) = io.gradient_slot(1) {
        let operands = [io.input(0), &dz, io.input(2)];
        convolution::weight_gradient(io.gpu(), convolution, sizes, operands, &dw, accumulate)?;
    }
    if let Some((db, accumulate)) = io.gradient_slot(BIAS) {
        let shape = (pooled.sequences, pooled.columns);
        column_sums(io.gpu(), &at_largest, shape, &db, accumulate)?;
    }
    Ok(())
}

fn pooled_sizes(operator: &Conv1dMax, sizes: Sizes) -> sequences::Sizes {
    sequences::Sizes {
        rows: sizes.rows,
        sequences: operator.convolution.lengths.len(),
        columns: sizes.outputs,
    }
}
