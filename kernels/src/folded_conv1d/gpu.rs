//! Buffers and dispatch sizes: an invocation per element of the result.

use limbeck_engine::{Binding, GpuForward, Kernel, Result};

use super::{BIAS, COORDINATES, IDS, TABLE};
use crate::activation::{Activation, gpu::FUNCTIONS};
use crate::conv1d::{Conv1d, gpu::NEIGHBOUR};
use crate::shared::gpu::elementwise;
use crate::shared::wgsl;

pub(super) static FORWARD: Kernel = Kernel {
    name: "folded_conv1d::forward",
    source: &[
        wgsl::COMMON,
        wgsl::MATH,
        FUNCTIONS,
        NEIGHBOUR,
        include_str!("forward.wgsl"),
    ],
    entry: "forward",
};

pub(super) fn forward(
    operator: &Conv1d,
    (rows, outputs): (usize, usize),
    io: &GpuForward<'_>,
) -> Result<()> {
    let bindings = [
        Binding::Read(io.input(TABLE)),
        Binding::Read(io.input(IDS)),
        Binding::Read(io.input(COORDINATES)),
        Binding::Read(io.input(BIAS)),
        Binding::Write(io.output(0)),
    ];
    let parameters = [
        rows as u32,
        0,
        outputs as u32,
        operator.kernel_size as u32,
        operator.left() as u32,
        operator.activation.map_or(0, Activation::code),
    ];
    io.dispatch(
        &FORWARD,
        &bindings,
        &parameters,
        elementwise(rows * outputs),
    )
}
