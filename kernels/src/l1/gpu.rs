//! Buffers and dispatch sizes: forward a workgroup a row, backward an invocation an element, once
//! for each side that learns.

use limbeck_engine::{Binding, GpuBackward, GpuForward, Kernel, Result};

use crate::shared::gpu::{elementwise, flag};
use crate::shared::wgsl;

pub(super) static FORWARD: Kernel = Kernel {
    name: "l1::forward",
    source: &[wgsl::COMMON, wgsl::REDUCE, include_str!("forward.wgsl")],
    entry: "forward",
};

pub(super) static BACKWARD: Kernel = Kernel {
    name: "l1::backward",
    source: &[wgsl::COMMON, wgsl::MATH, include_str!("backward.wgsl")],
    entry: "backward",
};

pub(super) fn forward((rows, columns): (usize, usize), io: &GpuForward<'_>) -> Result<()> {
    let bindings = [
        Binding::Read(io.input(0)),
        Binding::Read(io.input(1)),
        Binding::Write(io.output(0)),
    ];
    io.dispatch(&FORWARD, &bindings, &[rows as u32, columns as u32], rows)
}

pub(super) fn backward((rows, columns): (usize, usize), io: &mut GpuBackward<'_>) -> Result<()> {
    let count = rows * columns;
    for side in [0, 1] {
        let Some((into, accumulate)) = io.gradient_slot(side) else {
            continue;
        };
        let bindings = [
            Binding::Read(io.input(side)),
            Binding::Read(io.input(1 - side)),
            Binding::Read(io.upstream()),
            Binding::Write(&into),
        ];
        let parameters = [count as u32, columns as u32, flag(accumulate)];
        io.dispatch(&BACKWARD, &bindings, &parameters, elementwise(count))?;
    }
    Ok(())
}
