//! Buffers and dispatch sizes: forward a workgroup a row, backward an invocation an element.

use limbeck_engine::{Binding, GpuBackward, GpuForward, Kernel, Result};

use super::CrossEntropy;
use crate::shared::gpu::{elementwise, flag};
use crate::shared::wgsl;

pub(super) static FORWARD: Kernel = Kernel {
    name: "cross_entropy::forward",
    source: &[
        wgsl::COMMON,
        wgsl::MATH,
        wgsl::REDUCE,
        include_str!("forward.wgsl"),
    ],
    entry: "forward",
};

pub(super) static BACKWARD: Kernel = Kernel {
    name: "cross_entropy::backward",
    source: &[wgsl::COMMON, wgsl::MATH, include_str!("backward.wgsl")],
    entry: "backward",
};

pub(super) fn forward(
    operator: &CrossEntropy,
    (rows, classes): (usize, usize),
    io: &GpuForward<'_>,
) -> Result<()> {
    // Absent weights are bound to the logits, which the flag keeps from being read.
    let weights = io.input(if operator.weighted { 2 } else { 0 });
    let bindings = [
        Binding::Read(io.input(0)),
        Binding::Read(io.input(1)),
        Binding::Read(weights),
        Binding::Write(io.save(0)),
        Binding::Write(io.output(0)),
    ];
    let parameters = [rows as u32, classes as u32, flag(operator.weighted)];
    io.dispatch(&FORWARD, &bindings, &parameters, rows)
}

pub(super) fn backward(
    operator: &CrossEntropy,
    (rows, classes): (usize, usize),
    io: &mut GpuBackward<'_>,
) -> Result<()> {
    let Some((dz, accumulate)) = io.gradient_slot(0) else {
        return Ok(());
    };
    let weights = io.input(if operator.weighted { 2 } else { 0 });
    let bindings = [
        Binding::Read(io.input(0)),
        Binding::Read(io.input(1)),
        Binding::Read(weights),
        Binding::Read(io.saved(0)),
        Binding::Read(io.upstream()),
        Binding::Write(&dz),
    ];
    let parameters = [
        (rows * classes) as u32,
        classes as u32,
        flag(operator.weighted),
        flag(accumulate),
    ];
    io.dispatch(
        &BACKWARD,
        &bindings,
        &parameters,
        elementwise(rows * classes),
    )
}
