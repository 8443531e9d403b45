//! Buffers and dispatch sizes: a workgroup a row.

use limbeck_engine::{Binding, GpuBackward, GpuForward, Kernel, Result, Shape};

use crate::shared::gpu::flag;
use crate::shared::wgsl;

pub(super) static FORWARD: Kernel = Kernel {
    name: "softmax::forward",
    source: &[
        wgsl::COMMON,
        wgsl::MATH,
        wgsl::REDUCE,
        include_str!("forward.wgsl"),
    ],
    entry: "forward",
};

pub(super) static BACKWARD: Kernel = Kernel {
    name: "softmax::backward",
    source: &[
        wgsl::COMMON,
        wgsl::MATH,
        wgsl::REDUCE,
        include_str!("backward.wgsl"),
    ],
    entry: "backward",
};

pub(super) fn forward(logarithm: bool, shape: Shape, io: &GpuForward<'_>) -> Result<()> {
    let bindings = [Binding::Read(io.input(0)), Binding::Write(io.output(0))];
    let parameters = [shape.rows() as u32, shape.columns() as u32, flag(logarithm)];
    io.dispatch(&FORWARD, &bindings, &parameters, shape.rows())
}

pub(super) fn backward(logarithm: bool, shape: Shape, io: &mut GpuBackward<'_>) -> Result<()> {
    let Some((dx, accumulate)) = io.gradient_slot(0) else {
        return Ok(());
    };
    let bindings = [
        Binding::Read(io.output(0)),
        Binding::Read(io.upstream()),
        Binding::Write(&dx),
    ];
    let parameters = [
        shape.rows() as u32,
        shape.columns() as u32,
        flag(logarithm),
        flag(accumulate),
    ];
    io.dispatch(&BACKWARD, &bindings, &parameters, shape.rows())
}
