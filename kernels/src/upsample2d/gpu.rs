//! Buffers and dispatch sizes: an invocation per element of what is written.

use limbeck_engine::{Binding, GpuBackward, GpuForward, Kernel, Result};

use super::{Interpolation, Sizes, Upsample2d};
use crate::shared::gpu::{elementwise, flag};
use crate::shared::wgsl;

const BETWEEN: &str = include_str!("between.wgsl");

pub(super) static FORWARD: Kernel = Kernel {
    name: "upsample2d::forward",
    source: &[wgsl::COMMON, BETWEEN, include_str!("forward.wgsl")],
    entry: "forward",
};
pub(super) static BACKWARD: Kernel = Kernel {
    name: "upsample2d::backward",
    source: &[wgsl::COMMON, BETWEEN, include_str!("backward.wgsl")],
    entry: "backward",
};

fn parameters(operator: &Upsample2d, sizes: Sizes, count: usize, accumulate: bool) -> [u32; 7] {
    [
        count as u32,
        sizes.channels as u32,
        operator.pictures.height as u32,
        operator.pictures.width as u32,
        operator.factor as u32,
        flag(operator.interpolation == Interpolation::Bilinear),
        flag(accumulate),
    ]
}

pub(super) fn forward(operator: &Upsample2d, sizes: Sizes, io: &GpuForward<'_>) -> Result<()> {
    let count = sizes.results.rows() * sizes.channels;
    let bindings = [Binding::Read(io.input(0)), Binding::Write(io.output(0))];
    let parameters = parameters(operator, sizes, count, false);
    io.dispatch(&FORWARD, &bindings, &parameters, elementwise(count))
}

pub(super) fn backward(
    operator: &Upsample2d,
    sizes: Sizes,
    io: &mut GpuBackward<'_>,
) -> Result<()> {
    let Some((dx, accumulate)) = io.gradient_slot(0) else {
        return Ok(());
    };
    let count = operator.pictures.rows() * sizes.channels;
    let bindings = [Binding::Read(io.upstream()), Binding::Write(&dx)];
    let parameters = parameters(operator, sizes, count, accumulate);
    io.dispatch(&BACKWARD, &bindings, &parameters, elementwise(count))
}
