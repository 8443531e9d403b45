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
static FORWARD_TRANSPOSED: Kernel = Kernel {
    name: "linear::forward_transposed",
    source: &[
        wgsl::COMMON,
        wgsl::GEMM,
        include_str!("forward_transposed.wgsl"),
    ],
    entry: "forward_transposed",
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

pub(super) static KERNELS: [&Kernel; 5] = [
    &FORWARD,
    &FORWARD_TRANSPOSED,
    &GRAD_INPUT,
    &GRAD_WEIGHT,
    &crate::shared::gpu::COLUMN_SUMS,
];

/// `into = x W (+ b)`: x rows x inputs, W inputs x outputs, on any operands.
pub(crate) fn product(
    gpu: &Gpu,
    shape: (usize, usize, usize),
    operands: [&GpuSlice; 2],
    bias: Option<&GpuSlice>,
    into: &GpuSlice,
) -> Result<()> {
    affine(gpu, &FORWARD, shape, operands, bias, (into, false))
}

/// `into = (into +) x W (+ b)` by one of the two kernels. An absent bias is bound to the weight,
/// which the flag keeps from being read.
fn affine(
    gpu: &Gpu,
    kernel: &Kernel,
    (rows, inputs, outputs): (usize, usize, usize),
    [x, w]: [&GpuSlice; 2],
    bias: Option<&GpuSlice>,
    (into, accumulate): (&GpuSlice, bool),
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
        flag(accumulate),
    ];
    gpu.dispatch(kernel, &bindings, &parameters, gemm_tiles(rows, outputs))
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
    let kernel = match operator.transposed {
        true => &FORWARD_TRANSPOSED,
        false => &FORWARD,
    };
    let (shape, operands) = ((rows, inputs, outputs), [io.input(0), io.input(1)]);
    affine(io.gpu(), kernel, shape, operands, bias, (z, false))?;
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
    // With the weight by its rows inputs and outputs change places: dx = dz W, dW = dzᵀ x.
    let turned = (rows, outputs, inputs);
    if let Some((dx, accumulate)) = io.gradient_slot(0) {
        let operands = [&dz, io.input(1)];
        if operator.transposed {
            affine(
                io.gpu(),
                &FORWARD,
                turned,
                operands,
                None,
                (&dx, accumulate),
            )?;
        } else {
            grad_input(io.gpu(), shape, operands, &dx, accumulate)?;
        }
    }
    if let Some((dw, accumulate)) = io.gradient_slot(1) {
        let x = io.input(0);
        if operator.transposed {
            grad_weight(io.gpu(), turned, [&dz, x], &dw, accumulate)?;
        } else {
            grad_weight(io.gpu(), shape, [x, &dz], &dw, accumulate)?;
        }
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
