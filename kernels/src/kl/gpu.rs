//! The shaders; their buffers and dispatch sizes are those of all divergences.

use limbeck_engine::{GpuBackward, GpuForward, Kernel, Result};

use super::Divergence;
use crate::shared::divergence;
use crate::shared::gpu::flag;
use crate::shared::wgsl;

pub(super) static FORWARD: Kernel = Kernel {
    name: "kl::forward",
    source: &[
        wgsl::COMMON,
        wgsl::MATH,
        wgsl::REDUCE,
        include_str!("forward.wgsl"),
    ],
    entry: "forward",
};

pub(super) static BACKWARD: Kernel = Kernel {
    name: "kl::backward",
    source: &[wgsl::COMMON, wgsl::MATH, include_str!("backward.wgsl")],
    entry: "backward",
};

pub(super) fn forward(operator: &Divergence, io: &GpuForward<'_>) -> Result<()> {
    let more = [flag(operator.entropy)];
    divergence::forward(&FORWARD, operator.temperatures, &more, io)
}

pub(super) fn backward(operator: &Divergence, io: &mut GpuBackward<'_>) -> Result<()> {
    let more = [flag(operator.entropy)];
    divergence::backward(&BACKWARD, operator.temperatures, &more, io)
}
