//! Buffers and dispatch sizes: the tiled product with three ways to load its operands.

use limbeck_engine::{Binding, Gpu, GpuBackward, GpuForward, GpuSlice, Kernel, Result};

use super::{Linear, Sizes};
use crate::activation;
use crate::shared::gpu::{column_sums, flag, gemm_tiles};
use crate::shared::wgsl;

static FORWARD: Kernel = Kernel {
    name: "linear::forward",
    source: &[wgsl::COMMON, wgsl::GEMM, include_str!("forward.wgsl")],
    entry: "forward",
};
static GRAD_INPUT: Kernel = Kernel {
    name: "linear::grad_input",
    source: &[wgsl::COMMON, wgsl::GEMM, include_str!("grad_input.wgsl")],
    entry: "grad_input",
};
static GRAD_WEIGHT: Kernel = Kernel {
    name: "linear::grad_weight",
    source: &[wgsl::COMMON, wgsl::GEMM, include_str!("grad_weight.wgsl")],
    entry: "grad_weight",
};

pub(super) static KERNELS: [&Kernel; 4] = [
    &FORWARD,
    &GRAD_INPUT,
    &GRAD_WEIGHT,
    &crate::shared::gpu::COLUMN_SUMS,
];

/// `into = x W (+ b)`: x rows x inputs, W inputs x outputs, on any operands. An absent bias is bound
/// to the weight, which the flag keeps from being read.
pub(crate) fn product(
    gpu: &Gpu,
    (rows, inputs, outputs): (usize, usize, usize),
    [x, w]: [&GpuSlice; 2],
    bias: Option<&GpuSlice>,
    into: &GpuSlice,
) -> Result<()> {
    let bindings = [
        Binding::Read(x),
        Binding::Read(w),
        Binding::Read(bias.unwrap_or(w)),
        Binding::Write(into),
    ];
    let parameters = [
        rows as u32,
        outputs as u32,
        inputs as u32,
        flag(bias.is_some()),
    ];
    gpu.dispatch(&FORWARD, &bindings, &parameters, gemm_tiles(rows, outputs))
}

/// `into = (into +) dz Wᵀ`: dz rows x outputs, W inputs x outputs.
pub(crate) fn grad_input(
    gpu: &Gpu,
    (rows, inputs, outputs): (usize, usize, usize),
    [dz, w]: [&GpuSlice; 2],
    into: &GpuSlice,
    accumulate: bool,
) -> Result<()> {
    let bindings = [Binding::Read(dz), Binding::Read(w), Binding::Write(into)];
    let parameters = [rows as u32, inputs as u32, outputs as u32, flag(accumulate)];
    let tiles = gemm_tiles(rows, inputs);
    gpu.dispatch(&GRAD_INPUT, &bindings, &parameters, tiles)
}

/// `into = (into +) xᵀ dz`: x rows x inputs, dz rows x outputs.
pub(crate) fn grad_weight(
    gpu: &Gpu,
    (rows, inputs, outputs): (usize, usize, usize),
    [x, dz]: [&GpuSlice; 2],
    into: &GpuSlice,
    accumulate: bool,
) -> Result<()> {
    let bindings = [Binding::Read(x), Binding::Read(dz), Binding::Write(into)];
    let parameters = [inputs as u32, outputs as u32, rows as u32, flag(accumulate)];
    let tiles = gemm_tiles(inputs, outputs);
    gpu.dispatch(&GRAD_WEIGHT, &bindings, &parameters, tiles)
}

pub(super) fn forward(operator: &Linear, sizes: Sizes, io: &GpuForward<'_>) -> Result<()> {
    let Sizes {
        rows,
        inputs,
        outputs,
    } = sizes;
    let (y, bias) = (io.output(0), operator.bias.then(|| io.input(2)));
    let z = if operator.activation.is_some() {
        io.save(0)
    } else {
        y
    };
    let operands = [io.input(0), io.input(1)];
    product(io.gpu(), (rows, inputs, outputs), operands, bias, z)?;
    match operator.activation {
        None => Ok(()),
        Some(function) => activation::gpu::apply(io.gpu(), function, z, y),
    }
}

pub(super) fn backward(operator: &Linear, sizes: Sizes, io: &mut GpuBackward<'_>) -> Result<()> {
    let Sizes {
        rows,
        inputs,
        outputs,
    } = sizes;
    let shape = (rows, inputs, outputs);
    let dz = upstream_through_activation(operator, io)?;
    if let Some((dx, accumulate)) = io.gradient_slot(0) {
        grad_input(io.gpu(), shape, [&dz, io.input(1)], &dx, accumulate)?;
    }
    if let Some((dw, accumulate)) = io.gradient_slot(1) {
        grad_weight(io.gpu(), shape, [io.input(0), &dz], &dw, accumulate)?;
    }
    if let Some((db, accumulate)) = io.gradient_slot(2) {
        column_sums(io.gpu(), &dz, (rows, outputs), &db, accumulate)?;
    }
    Ok(())
}

/// dz = f'(z) dy.
fn upstream_through_activation(operator: &Linear, io: &GpuBackward<'_>) -> Result<GpuSlice> {
    let Some(function) = operator.activation else {
        return Ok(io.upstream().clone());
    };
    let dz = io.scratch(0).clone();
    activation::gpu::derive(io.gpu(), function, [io.saved(0), io.upstream()], &dz, false)?;
    Ok(dz)
}
