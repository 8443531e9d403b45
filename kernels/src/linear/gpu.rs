//! Buffers and dispatch sizes: the tiled product with three ways to load its operands.

use limbeck_engine::{Binding, GpuBackward, GpuForward, GpuSlice, Kernel, Result};

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

pub(super) fn forward(operator: &Linear, sizes: Sizes, io: &GpuForward<'_>) -> Result<()> {
    let (x, w, y) = (io.input(0), io.input(1), io.output(0));
    // An absent bias is bound to the weight, which the flag keeps from being read.
    let bias = if operator.bias { io.input(2) } else { w };
    let Sizes {
        rows,
        inputs,
        outputs,
    } = sizes;
    let parameters = [
        rows as u32,
        outputs as u32,
        inputs as u32,
        flag(operator.bias),
    ];
    let z = if operator.activation.is_some() {
        io.save(0)
    } else {
        y
    };
    let bindings = [
        Binding::Read(x),
        Binding::Read(w),
        Binding::Read(bias),
        Binding::Write(z),
    ];
    io.dispatch(&FORWARD, &bindings, &parameters, gemm_tiles(rows, outputs))?;
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
    let dz = upstream_through_activation(operator, io)?;
    if let Some((dx, accumulate)) = io.gradient_slot(0) {
        let bindings = [
            Binding::Read(&dz),
            Binding::Read(io.input(1)),
            Binding::Write(&dx),
        ];
        let parameters = [rows as u32, inputs as u32, outputs as u32, flag(accumulate)];
        io.dispatch(
            &GRAD_INPUT,
            &bindings,
            &parameters,
            gemm_tiles(rows, inputs),
        )?;
    }
    if let Some((dw, accumulate)) = io.gradient_slot(1) {
        let bindings = [
            Binding::Read(io.input(0)),
            Binding::Read(&dz),
            Binding::Write(&dw),
        ];
        let parameters = [inputs as u32, outputs as u32, rows as u32, flag(accumulate)];
        io.dispatch(
            &GRAD_WEIGHT,
            &bindings,
            &parameters,
            gemm_tiles(inputs, outputs),
        )?;
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
