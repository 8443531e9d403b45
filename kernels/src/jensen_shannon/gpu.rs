//! The shaders; their buffers and dispatch sizes are those of all divergences.

use limbeck_engine::{GpuBackward, GpuForward, Kernel, Result};

use super::JensenShannon;
use crate::shared::divergence;
use crate::shared::wgsl;

const RATIO: &str = include_str!("ratio.wgsl");

pub(super) static FORWARD: Kernel = Kernel {
    name: "jensen_shannon::forward",
    source: &[
        wgsl::COMMON,
        wgsl::MATH,
        wgsl::REDUCE,
        RATIO,
        include_str!("forward.wgsl"),
    ],
    entry: "forward",
};

pub(super) static BACKWARD: Kernel = Kernel {
    name: "jensen_shannon::backward",
    source: &[
        wgsl::COMMON,
        wgsl::MATH,
        RATIO,
        include_str!("backward.wgsl"),
    ],
    entry: "backward",
};

pub(super) fn forward(operator: &JensenShannon, io: &GpuForward<'_>) -> Result<()> {
    divergence::forward(&FORWARD, operator.temperatures, &[], io)
}

pub(super) fn backward(operator: &JensenShannon, io: &mut GpuBackward<'_>) -> Result<()> {
    divergence::backward(&BACKWARD, operator.temperatures, &[], io)
}
