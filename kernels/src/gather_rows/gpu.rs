//! Buffers and dispatch sizes: an invocation per element of the result, both ways.

use limbeck_engine::{Binding, Gpu, GpuBackward, GpuForward, GpuSlice, Kernel, Result};

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

/// `into` = the rows of x with these numbers.
pub(crate) fn take(
    gpu: &Gpu,
    (x, columns): (&GpuSlice, usize),
    ids: &GpuSlice,
    into: &GpuSlice,
) -> Result<()> {
    let bindings = [Binding::Read(x), Binding::Read(ids), Binding::Write(into)];
    let parameters = [into.len() as u32, columns as u32];
    gpu.dispatch(&FORWARD, &bindings, &parameters, elementwise(into.len()))
}

pub(super) fn forward(io: &GpuForward<'_>) -> Result<()> {
    let columns = io.metas()[0].shape.columns();
    take(io.gpu(), (io.input(0), columns), io.input(1), io.output(0))
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
