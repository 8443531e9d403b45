//! Shaders, bindings, and how many workgroups they need.

use limbeck::engine::{Binding, GpuBackward, GpuForward, Kernel, Result};
use limbeck::kernels::shared::gpu::{elementwise, flag};
use limbeck::kernels::shared::wgsl;

pub(super) static FORWARD: Kernel = Kernel {
    name: "softsign::forward",
    source: &[wgsl::COMMON, include_str!("forward.wgsl")],
    entry: "forward",
};

pub(super) static BACKWARD: Kernel = Kernel {
    name: "softsign::backward",
    source: &[wgsl::COMMON, include_str!("backward.wgsl")],
    entry: "backward",
};

pub(super) fn forward(io: &GpuForward<'_>) -> Result<()> {
    let (x, y) = (io.input(0), io.output(0));
    let bindings = [Binding::Read(x), Binding::Write(y)];
    let parameters = [x.len() as u32];
    io.dispatch(&FORWARD, &bindings, &parameters, elementwise(x.len()))
}

pub(super) fn backward(io: &mut GpuBackward<'_>) -> Result<()> {
    let Some((dx, accumulate)) = io.gradient_slot(0) else {
        return Ok(());
    };
    let (x, dy) = (io.input(0), io.upstream());
    let bindings = [Binding::Read(x), Binding::Read(dy), Binding::Write(&dx)];
    let parameters = [x.len() as u32, flag(accumulate)];
    io.dispatch(&BACKWARD, &bindings, &parameters, elementwise(x.len()))
}
