//! Buffers and dispatch sizes: an invocation per four channels, which share a Philox block.

use limbeck_engine::{Binding, GpuBackward, GpuForward, GpuSlice, Kernel, Result};

use super::Dropout;
use crate::shared::gpu::{elementwise, flag};
use crate::shared::wgsl;
use crate::weighted_sum;

static FORWARD: Kernel = Kernel {
    name: "dropout::forward",
    source: &[wgsl::COMMON, wgsl::PHILOX, include_str!("forward.wgsl")],
    entry: "forward",
};
static BACKWARD: Kernel = Kernel {
    name: "dropout::backward",
    source: &[wgsl::COMMON, wgsl::PHILOX, include_str!("backward.wgsl")],
    entry: "backward",
};

pub(super) static KERNELS: [&Kernel; 2] = [&FORWARD, &BACKWARD];

/// The uniform block and the number of workgroups; `flag` means another thing in each kernel.
fn sizes(operator: &Dropout, x: &GpuSlice, columns: usize, flag: u32) -> ([u32; 8], usize) {
    let blocks = x.len() / columns.max(1) * columns.div_ceil(4);
    let [key_0, key_1] = operator.stream.key;
    let parameters = [
        blocks as u32,
        columns as u32,
        key_0,
        key_1,
        operator.stream.step,
        operator.threshold,
        operator.scale.to_bits(),
        flag,
    ];
    (parameters, elementwise(blocks))
}

pub(super) fn forward(operator: &Dropout, io: &GpuForward<'_>) -> Result<()> {
    let columns = io.metas()[0].shape.columns();
    let x = io.input(0);
    let bindings = [
        Binding::Read(x),
        Binding::Read(io.input(1)),
        // An absent residual is bound to x, which the flag keeps from being read.
        Binding::Read(if operator.residual { io.input(2) } else { x }),
        Binding::Write(io.output(0)),
    ];
    let (parameters, workgroups) = sizes(operator, x, columns, flag(operator.residual));
    io.dispatch(&FORWARD, &bindings, &parameters, workgroups)
}

pub(super) fn backward(operator: &Dropout, io: &mut GpuBackward<'_>) -> Result<()> {
    let columns = io.metas()[0].shape.columns();
    if let Some((dx, accumulate)) = io.gradient_slot(0) {
        let dy = io.upstream();
        let bindings = [
            Binding::Read(dy),
            Binding::Read(io.input(1)),
            Binding::Write(&dx),
        ];
        let (parameters, workgroups) = sizes(operator, dy, columns, flag(accumulate));
        io.dispatch(&BACKWARD, &bindings, &parameters, workgroups)?;
    }
    if let Some((dr, accumulate)) = io.gradient_slot(2) {
        weighted_sum::gpu::add_scaled(io.gpu(), io.upstream(), 1.0, &dr, accumulate)?;
    }
    Ok(())
}
