//! Buffers and dispatch sizes: a workgroup per row.

use limbeck_engine::{Binding, GpuForward, Kernel, Result};

use crate::shared::wgsl;

pub(super) static FORWARD: Kernel = Kernel {
    name: "argmax::forward",
    source: &[wgsl::COMMON, wgsl::ORDER, include_str!("forward.wgsl")],
    entry: "forward",
};

pub(super) fn forward(io: &GpuForward<'_>) -> Result<()> {
    let shape = io.metas()[0].shape;
    let (rows, columns) = (shape.rows(), shape.columns());
    let bindings = [Binding::Read(io.input(0)), Binding::Write(io.output(0))];
    io.dispatch(&FORWARD, &bindings, &[rows as u32, columns as u32], rows)
}
