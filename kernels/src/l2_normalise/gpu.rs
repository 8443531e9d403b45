//! Buffers and dispatch sizes: a workgroup per row.

use limbeck_engine::{Binding, GpuBackward, GpuForward, Kernel, Result};

use super::L2Normalise;
use crate::shared::gpu::flag;
use crate::shared::wgsl;

static FORWARD: Kernel = Kernel {
    name: "l2_normalise::forward",
    source: &[wgsl::COMMON, wgsl::REDUCE, include_str!("forward.wgsl")],
    entry: "forward",
};
static BACKWARD: Kernel = Kernel {
    name: "l2_normalise::backward",
    source: &[wgsl::COMMON, wgsl::REDUCE, include_str!("backward.wgsl")],
    entry: "backward",
};

pub(super) static KERNELS: [&Kernel; 2] = [&FORWARD, &BACKWARD];

pub(super) fn forward(
    operator: &L2Normalise,
    (rows, columns): (usize, usize),
    io: &GpuForward<'_>,
) -> Result<()> {
    let bindings = [
        Binding::Read(io.input(0)),
        Binding::Write(io.output(0)),
        Binding::Write(io.save(0)),
    ];
    let parameters = [rows as u32, columns as u32, operator.epsilon.to_bits()];
    io.dispatch(&FORWARD, &bindings, &parameters, rows)
}

pub(super) fn backward(
    operator: &L2Normalise,
    (rows, columns): (usize, usize),
    io: &mut GpuBackward<'_>,
) -> Result<()> {
    let Some((dx, accumulate)) = io.gradient_slot(0) else {
        return Ok(());
    };
    let bindings = [
        Binding::Read(io.output(0)),
        Binding::Read(io.saved(0)),
        Binding::Read(io.upstream()),
        Binding::Write(&dx),
    ];
    let parameters = [
        rows as u32,
        columns as u32,
        operator.epsilon.to_bits(),
        flag(accumulate),
    ];
    io.dispatch(&BACKWARD, &bindings, &parameters, rows)
}
