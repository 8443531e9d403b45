//! Buffers and dispatch sizes: an invocation per element of the result, both ways.

use limbeck_engine::{Binding, GpuBackward, GpuForward, Kernel, Result};

use crate::shared::gpu::{elementwise, flag};
use crate::shared::wgsl;

static FORWARD: Kernel = Kernel {
    name: "gather_rows::forward",
    source: &[wgsl::COMMON, include_str!("forward.wgsl")],
    entry: "forward",
};
static BACKWARD: Kernel = Kernel {
    name: "gather_rows::backward",
    source: &[wgsl::COMMON, include_str!("backward.wgsl")],
    entry: "backward",
};

pub(super) static KERNELS: [&Kernel; 2] = [&FORWARD, &BACKWARD];

pub(super) fn forward(io: &GpuForward<'_>) -> Result<()> {
    let y = io.output(0);
    let bindings = [
        Binding::Read(io.input(0)),
        Binding::Read(io.input(1)),
        Binding::Write(y),
    ];
    let parameters = [y.len() as u32, io.metas()[0].shape.columns() as u32];
    io.dispatch(&FORWARD, &bindings, &parameters, elementwise(y.len()))
}

pub(super) fn backward(io: &mut GpuBackward<'_>) -> Result<()> {
    let Some((dx, accumulate)) = io.gradient_slot(0) else {
        return Ok(());
    };
    let bindings = [
        Binding::Read(io.input(2)),
        Binding::Read(io.input(3)),
        Binding::Read(io.upstream()),
        Binding::Write(&dx),
    ];
    let columns = io.metas()[0].shape.columns();
    let parameters = [dx.len() as u32, columns as u32, flag(accumulate)];
    io.dispatch(&BACKWARD, &bindings, &parameters, elementwise(dx.len()))
}
