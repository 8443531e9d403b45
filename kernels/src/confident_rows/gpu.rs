//! Buffers and dispatch sizes: a workgroup a row.

use limbeck_engine::{Binding, GpuForward, Kernel, Result};

use crate::shared::wgsl;

pub(super) static FORWARD: Kernel = Kernel {
    name: "confident_rows::forward",
    source: &[
        wgsl::COMMON,
        wgsl::MATH,
        wgsl::REDUCE,
        include_str!("forward.wgsl"),
    ],
    entry: "forward",
};

pub(super) fn forward(threshold: f32, io: &GpuForward<'_>) -> Result<()> {
    let shape = io.metas()[0].shape;
    let parameters = [
        shape.rows() as u32,
        shape.columns() as u32,
        threshold.to_bits(),
    ];
    let bindings = [Binding::Read(io.input(0)), Binding::Write(io.output(0))];
    io.dispatch(&FORWARD, &bindings, &parameters, shape.rows())
}
