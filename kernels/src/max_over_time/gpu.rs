//! Buffers and dispatch sizes: an invocation per sequence and column.

use limbeck_engine::{Binding, Gpu, GpuBackward, GpuForward, GpuSlice, Kernel, Result};

use crate::shared::gpu::{elementwise, flag};
use crate::shared::sequences::Sizes;
use crate::shared::wgsl;

pub(super) static FORWARD: Kernel = Kernel {
    name: "max_over_time::forward",
    source: &[wgsl::COMMON, wgsl::ORDER, include_str!("forward.wgsl")],
    entry: "forward",
};
pub(super) static BACKWARD: Kernel = Kernel {
    name: "max_over_time::backward",
    source: &[wgsl::COMMON, include_str!("backward.wgsl")],
    entry: "backward",
};

pub(super) fn forward(sizes: Sizes, io: &GpuForward<'_>) -> Result<()> {
    let operands = [io.input(0), io.input(1)];
    largest(io.gpu(), sizes, operands, [io.output(0), io.save(0)])
}

/// y and the rows of the maxima, from x and the offsets.
pub(crate) fn largest(
    gpu: &Gpu,
    sizes: Sizes,
    operands: [&GpuSlice; 2],
    results: [&GpuSlice; 2],
) -> Result<()> {
    let [x, offsets] = operands.map(Binding::Read);
    let [y, rows] = results.map(Binding::Write);
    let count = sizes.sequences * sizes.columns;
    let parameters = [count as u32, sizes.columns as u32];
    let groups = elementwise(count);
    gpu.dispatch(&FORWARD, &[x, offsets, y, rows], &parameters, groups)
}

/// `dx = (dx +)` dy in the rows of the maxima, from dy, the offsets and those rows.
pub(crate) fn spread(
    gpu: &Gpu,
    sizes: Sizes,
    operands: [&GpuSlice; 3],
    dx: &GpuSlice,
    accumulate: bool,
) -> Result<()> {
    let [dy, offsets, rows] = operands.map(Binding::Read);
    let count = sizes.sequences * sizes.columns;
    let parameters = [count as u32, sizes.columns as u32, flag(accumulate)];
    let bindings = [dy, offsets, rows, Binding::Write(dx)];
    gpu.dispatch(&BACKWARD, &bindings, &parameters, elementwise(count))
}

pub(super) fn backward(sizes: Sizes, io: &mut GpuBackward<'_>) -> Result<()> {
    let Some((dx, accumulate)) = io.gradient_slot(0) else {
        return Ok(());
    };
    let operands = [io.upstream(), io.input(1), io.saved(0)];
    spread(io.gpu(), sizes, operands, &dx, accumulate)
}
