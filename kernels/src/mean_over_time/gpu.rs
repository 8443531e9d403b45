//! Buffers and dispatch sizes: an invocation per sequence and column.

use limbeck_engine::{Binding, GpuBackward, GpuForward, Kernel, Result};

use crate::shared::gpu::{elementwise, flag};
use crate::shared::sequences::Sizes;
use crate::shared::wgsl;

pub(super) static FORWARD: Kernel = Kernel {
    name: "mean_over_time::forward",
    source: &[wgsl::COMMON, include_str!("forward.wgsl")],
    entry: "forward",
};
pub(super) static BACKWARD: Kernel = Kernel {
    name: "mean_over_time::backward",
    source: &[wgsl::COMMON, include_str!("backward.wgsl")],
    entry: "backward",
};

pub(super) fn forward(sizes: Sizes, mean: bool, io: &GpuForward<'_>) -> Result<()> {
    let bindings = [
        Binding::Read(io.input(0)),
        Binding::Read(io.input(1)),
        Binding::Write(io.output(0)),
    ];
    let count = sizes.sequences * sizes.columns;
    let parameters = [count as u32, sizes.columns as u32, flag(mean)];
    io.dispatch(&FORWARD, &bindings, &parameters, elementwise(count))
}

pub(super) fn backward(sizes: Sizes, mean: bool, io: &mut GpuBackward<'_>) -> Result<()> {
    let Some((dx, accumulate)) = io.gradient_slot(0) else {
        return Ok(());
    };
    let bindings = [
        Binding::Read(io.upstream()),
        Binding::Read(io.input(1)),
        Binding::Write(&dx),
    ];
    let count = sizes.sequences * sizes.columns;
    let parameters = [
        count as u32,
        sizes.columns as u32,
        flag(accumulate),
        flag(mean),
    ];
    io.dispatch(&BACKWARD, &bindings, &parameters, elementwise(count))
}
