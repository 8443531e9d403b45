//! Buffers and dispatch sizes: forward a workgroup a row, backward an invocation an element, once
//! for each side that learns.

use limbeck_engine::{Binding, GpuBackward, GpuForward, Kernel, Result};

use crate::shared::gpu::{elementwise, flag};
use crate::shared::wgsl;

pub(super) static FORWARD: Kernel = Kernel {
    name: "mse::forward",
    source: &[wgsl::COMMON, wgsl::REDUCE, include_str!("forward.wgsl")],
    entry: "forward",
};

pub(super) static BACKWARD: Kernel = Kernel {
    name: "mse::backward",
    source: &[wgsl::COMMON, include_str!("backward.wgsl")],
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
    for (side, sign) in [(0, 1.0), (1, -1.0)] {
        let Some((into, accumulate)) = io.gradient_slot(side) else {
            continue;
        };
        let bindings = [
            Binding::Read(io.input(0)),
            Binding::Read(io.input(1)),
            Binding::Read(io.upstream()),
            Binding::Write(&into),
        ];
        let factor = sign * 2.0 / columns as f32;
        let parameters = [
            count as u32,
            columns as u32,
            factor.to_bits(),
            flag(accumulate),
        ];
        io.dispatch(&BACKWARD, &bindings, &parameters, elementwise(count))?;
    }
    Ok(())
}
