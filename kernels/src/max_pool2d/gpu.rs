//! Buffers and dispatch sizes: an invocation per result and channel, and on the way back per pixel
//! and channel.

use limbeck_engine::{Binding, GpuBackward, GpuForward, Kernel, Result};

use super::{MaxPool2d, Sizes};
use crate::shared::gpu::{elementwise, flag};
use crate::shared::wgsl;

pub(super) static FORWARD: Kernel = Kernel {
    name: "max_pool2d::forward",
    source: &[wgsl::COMMON, wgsl::ORDER, include_str!("forward.wgsl")],
    entry: "forward",
};
pub(super) static BACKWARD: Kernel = Kernel {
    name: "max_pool2d::backward",
    source: &[wgsl::COMMON, include_str!("backward.wgsl")],
    entry: "backward",
};

fn parameters(operator: &MaxPool2d, sizes: Sizes, count: usize) -> [u32; 12] {
    let (pictures, window) = (operator.pictures, operator.window);
    [
        count,
        sizes.channels,
        pictures.height,
        pictures.width,
        sizes.results.height,
        sizes.results.width,
        window.size[0],
        window.size[1],
        window.stride[0],
        window.stride[1],
        window.padding[0],
        window.padding[1],
    ]
    .map(|word| word as u32)
}

pub(super) fn forward(operator: &MaxPool2d, sizes: Sizes, io: &GpuForward<'_>) -> Result<()> {
    let count = sizes.results.rows() * sizes.channels;
    let bindings = [
        Binding::Read(io.input(0)),
        Binding::Write(io.output(0)),
        Binding::Write(io.save(0)),
    ];
    let parameters = parameters(operator, sizes, count);
    io.dispatch(&FORWARD, &bindings, &parameters, elementwise(count))
}

pub(super) fn backward(operator: &MaxPool2d, sizes: Sizes, io: &mut GpuBackward<'_>) -> Result<()> {
    let Some((dx, accumulate)) = io.gradient_slot(0) else {
        return Ok(());
    };
    let count = operator.pictures.rows() * sizes.channels;
    let bindings = [
        Binding::Read(io.upstream()),
        Binding::Read(io.saved(0)),
        Binding::Write(&dx),
    ];
    let mut words = parameters(operator, sizes, count).to_vec();
    words.push(flag(accumulate));
    io.dispatch(&BACKWARD, &bindings, &words, elementwise(count))
}
