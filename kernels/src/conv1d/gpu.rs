//! Buffers and dispatch sizes: the tiled product, whose operands are read through the neighbours
//! of each row (an implicit matrix of windows).

use limbeck_engine::{Binding, Gpu, GpuBackward, GpuForward, GpuSlice, Kernel, Result};

use super::{Conv1d, Sizes, layout};
use crate::activation;
use crate::shared::gpu::{column_sums, flag, gemm_tiles};
use crate::shared::wgsl;

pub(crate) const NEIGHBOUR: &str = include_str!("neighbour.wgsl");

static FORWARD: Kernel = Kernel {
    name: "conv1d::forward",
    source: &[
        wgsl::COMMON,
        wgsl::GEMM,
        NEIGHBOUR,
        include_str!("forward.wgsl"),
    ],
    entry: "forward",
};
static GRAD_INPUT: Kernel = Kernel {
    name: "conv1d::grad_input",
    source: &[
        wgsl::COMMON,
        wgsl::GEMM,
        NEIGHBOUR,
        include_str!("grad_input.wgsl"),
    ],
    entry: "grad_input",
};
static GRAD_WEIGHT: Kernel = Kernel {
    name: "conv1d::grad_weight",
    source: &[
        wgsl::COMMON,
        wgsl::GEMM,
        NEIGHBOUR,
        include_str!("grad_weight.wgsl"),
    ],
    entry: "grad_weight",
};

pub(super) static KERNELS: [&Kernel; 4] = [
    &FORWARD,
    &GRAD_INPUT,
    &GRAD_WEIGHT,
    &crate::shared::gpu::COLUMN_SUMS,
];

/// The words of the uniform block; `on` is the last one.
fn parameters(operator: &Conv1d, sizes: Sizes, on: bool) -> [u32; 6] {
    [
        sizes.rows as u32,
        sizes.inputs as u32,
        sizes.outputs as u32,
        operator.kernel_size as u32,
        operator.left() as u32,
        flag(on),
    ]
}

pub(super) fn forward(operator: &Conv1d, sizes: Sizes, io: &GpuForward<'_>) -> Result<()> {
    let (w, y) = (io.input(1), io.output(0));
    // An absent bias is bound to the weight, which the flag keeps from being read.
    let bias = if operator.bias { io.input(3) } else { w };
    let z = if operator.activation.is_some() {
        io.save(0)
    } else {
        y
    };
    let operands = [io.input(0), w, io.input(2), bias];
    windows(io.gpu(), operator, sizes, operands, z)?;
    match operator.activation {
        None => Ok(()),
        Some(function) => activation::gpu::apply(io.gpu(), function, z, y),
    }
}

/// z of all rows, from x, W, the coordinates and b.
pub(crate) fn windows(
    gpu: &Gpu,
    operator: &Conv1d,
    sizes: Sizes,
    operands: [&GpuSlice; 4],
    z: &GpuSlice,
) -> Result<()> {
    let [x, w, coordinates, bias] = operands.map(Binding::Read);
    let parameters = parameters(operator, sizes, operator.bias);
    let tiles = gemm_tiles(sizes.rows, sizes.outputs);
    let bindings = [x, w, coordinates, bias, Binding::Write(z)];
    gpu.dispatch(&FORWARD, &bindings, &parameters, tiles)
}

/// `dx = (dx +)` its gradient, from dz, W and the coordinates.
pub(crate) fn input_gradient(
    gpu: &Gpu,
    operator: &Conv1d,
    sizes: Sizes,
    operands: [&GpuSlice; 3],
    dx: &GpuSlice,
    accumulate: bool,
) -> Result<()> {
    let [dz, w, coordinates] = operands.map(Binding::Read);
    let parameters = parameters(operator, sizes, accumulate);
    let tiles = gemm_tiles(sizes.rows, sizes.inputs);
    let bindings = [dz, w, coordinates, Binding::Write(dx)];
    gpu.dispatch(&GRAD_INPUT, &bindings, &parameters, tiles)
}

/// `dW = (dW +)` its gradient, from x, dz and the coordinates.
pub(crate) fn weight_gradient(
    gpu: &Gpu,
    operator: &Conv1d,
    sizes: Sizes,
    operands: [&GpuSlice; 3],
    dw: &GpuSlice,
    accumulate: bool,
) -> Result<()> {
    let [x, dz, coordinates] = operands.map(Binding::Read);
    let parameters = parameters(operator, sizes, accumulate);
    let tiles = gemm_tiles(operator.kernel_size * sizes.inputs, sizes.outputs);
    let bindings = [x, dz, coordinates, Binding::Write(dw)];
    gpu.dispatch(&GRAD_WEIGHT, &bindings, &parameters, tiles)
}

pub(super) fn backward(operator: &Conv1d, sizes: Sizes, io: &mut GpuBackward<'_>) -> Result<()> {
    let dz = upstream_through_activation(operator, io)?;
    if let Some((dx, accumulate)) = io.gradient_slot(0) {
        let operands = [&dz, io.input(1), io.input(2)];
        input_gradient(io.gpu(), operator, sizes, operands, &dx, accumulate)?;
    }
    if let Some((dw, accumulate)) = io.gradient_slot(1) {
        let operands = [io.input(0), &dz, io.input(2)];
        weight_gradient(io.gpu(), operator, sizes, operands, &dw, accumulate)?;
    }
    if let Some((db, accumulate)) = io.gradient_slot(3) {
        let shape = (sizes.rows, sizes.outputs);
        column_sums(io.gpu(), &dz, shape, &db, accumulate)?;
    }
    Ok(())
}

/// dz = f'(z) dy.
fn upstream_through_activation(operator: &Conv1d, io: &GpuBackward<'_>) -> Result<GpuSlice> {
    let Some(function) = operator.activation else {
        return Ok(io.upstream().clone());
    };
    let dz = io.scratch(layout::GRADIENT).clone();
    activation::gpu::derive(io.gpu(), function, [io.saved(0), io.upstream()], &dz, false)?;
    Ok(dz)
}
