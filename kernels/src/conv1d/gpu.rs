//! Buffers and dispatch sizes: the tiled product, whose operands are read through the neighbours
//! of each row (an implicit matrix of windows).

use limbeck_engine::{Binding, GpuBackward, GpuForward, GpuSlice, Kernel, Result};

use super::{Conv1d, Sizes, layout};
use crate::activation;
use crate::shared::gpu::{column_sums, flag, gemm_tiles};
use crate::shared::wgsl;

const NEIGHBOUR: &str = include_str!("neighbour.wgsl");

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
    let (x, w, y) = (io.input(0), io.input(1), io.output(0));
    // An absent bias is bound to the weight, which the flag keeps from being read.
    let bias = if operator.bias { io.input(3) } else { w };
    let z = if operator.activation.is_some() {
        io.save(0)
    } else {
        y
    };
    let bindings = [
        Binding::Read(x),
        Binding::Read(w),
        Binding::Read(io.input(2)),
        Binding::Read(bias),
        Binding::Write(z),
    ];
    let parameters = parameters(operator, sizes, operator.bias);
    let tiles = gemm_tiles(sizes.rows, sizes.outputs);
    io.dispatch(&FORWARD, &bindings, &parameters, tiles)?;
    match operator.activation {
        None => Ok(()),
        Some(function) => activation::gpu::apply(io.gpu(), function, z, y),
    }
}

pub(super) fn backward(operator: &Conv1d, sizes: Sizes, io: &mut GpuBackward<'_>) -> Result<()> {
    let dz = upstream_through_activation(operator, io)?;
    if let Some((dx, accumulate)) = io.gradient_slot(0) {
        let bindings = [
            Binding::Read(&dz),
            Binding::Read(io.input(1)),
            Binding::Read(io.input(2)),
            Binding::Write(&dx),
        ];
        let parameters = parameters(operator, sizes, accumulate);
        let tiles = gemm_tiles(sizes.rows, sizes.inputs);
        io.dispatch(&GRAD_INPUT, &bindings, &parameters, tiles)?;
    }
    if let Some((dw, accumulate)) = io.gradient_slot(1) {
        let bindings = [
            Binding::Read(io.input(0)),
            Binding::Read(&dz),
            Binding::Read(io.input(2)),
            Binding::Write(&dw),
        ];
        let parameters = parameters(operator, sizes, accumulate);
        let tiles = gemm_tiles(operator.kernel_size * sizes.inputs, sizes.outputs);
        io.dispatch(&GRAD_WEIGHT, &bindings, &parameters, tiles)?;
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
