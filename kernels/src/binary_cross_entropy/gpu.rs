//! Buffers and dispatch sizes: forward a workgroup a row, backward an invocation an element.

use limbeck_engine::{Binding, GpuBackward, GpuForward, Kernel, Result};

use crate::shared::gpu::{elementwise, flag};
use crate::shared::wgsl;

pub(super) static FORWARD: Kernel = Kernel {
    name: "binary_cross_entropy::forward",
    source: &[
        wgsl::COMMON,
        wgsl::MATH,
        wgsl::REDUCE,
        include_str!("forward.wgsl"),
    ],
    entry: "forward",
};

pub(super) static BACKWARD: Kernel = Kernel {
    name: "binary_cross_entropy::backward",
    source: &[wgsl::COMMON, wgsl::MATH, include_str!("backward.wgsl")],
    entry: "backward",
};

pub(super) fn forward((rows, classes): (usize, usize), io: &GpuForward<'_>) -> Result<()> {
    let bindings = [
        Binding::Read(io.input(0)),
        Binding::Read(io.input(1)),
        Binding::Write(io.output(0)),
    ];
    io.dispatch(&FORWARD, &bindings, &[rows as u32, classes as u32], rows)
}

pub(super) fn backward((rows, classes): (usize, usize), io: &mut GpuBackward<'_>) -> Result<()> {
    let Some((dz, accumulate)) = io.gradient_slot(0) else {
        return Ok(());
    };
    let count = rows * classes;
    let bindings = [
        Binding::Read(io.input(0)),
        Binding::Read(io.input(1)),
        Binding::Read(io.upstream()),
        Binding::Write(&dz),
    ];
    let parameters = [count as u32, classes as u32, flag(accumulate)];
    io.dispatch(&BACKWARD, &bindings, &parameters, elementwise(count))
}
