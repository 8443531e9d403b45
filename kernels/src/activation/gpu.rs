//! Buffers and dispatch sizes.

use limbeck_engine::{Binding, Gpu, GpuBackward, GpuForward, GpuSlice, Kernel, Result};

use super::Activation;
use crate::shared::gpu::{elementwise, flag};
use crate::shared::wgsl;

pub(crate) const FUNCTIONS: &str = include_str!("functions.wgsl");

pub(super) static FORWARD: Kernel = Kernel {
    name: "activation::forward",
    source: &[
        wgsl::COMMON,
        wgsl::MATH,
        FUNCTIONS,
        include_str!("forward.wgsl"),
    ],
    entry: "forward",
};

pub(super) static BACKWARD: Kernel = Kernel {
    name: "activation::backward",
    source: &[
        wgsl::COMMON,
        wgsl::MATH,
        FUNCTIONS,
        include_str!("backward.wgsl"),
    ],
    entry: "backward",
};

pub(super) fn forward(function: Activation, io: &GpuForward<'_>) -> Result<()> {
    apply(io.gpu(), function, io.input(0), io.output(0))
}

pub(super) fn backward(function: Activation, io: &mut GpuBackward<'_>) -> Result<()> {
    let Some((dx, accumulate)) = io.gradient_slot(0) else {
        return Ok(());
    };
    derive(
        io.gpu(),
        function,
        [io.input(0), io.upstream()],
        &dx,
        accumulate,
    )
}

/// `y = f(x)`.
pub(crate) fn apply(gpu: &Gpu, function: Activation, x: &GpuSlice, y: &GpuSlice) -> Result<()> {
    let bindings = [Binding::Read(x), Binding::Write(y)];
    let parameters = [x.len() as u32, function.code()];
    gpu.dispatch(&FORWARD, &bindings, &parameters, elementwise(x.len()))
}

/// `dx = f'(x) dy`, or `dx += f'(x) dy`.
pub(crate) fn derive(
    gpu: &Gpu,
    function: Activation,
    [x, dy]: [&GpuSlice; 2],
    dx: &GpuSlice,
    accumulate: bool,
) -> Result<()> {
    let bindings = [Binding::Read(x), Binding::Read(dy), Binding::Write(dx)];
    let parameters = [dx.len() as u32, function.code(), flag(accumulate)];
    gpu.dispatch(&BACKWARD, &bindings, &parameters, elementwise(dx.len()))
}
