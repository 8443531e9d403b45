//! Two dispatches: a sum per chunk, then all sums in one workgroup.

use limbeck_engine::{BLOCK, Binding, Gpu, GpuSlice, Kernel, ParameterVector, Result};

use crate::shared::gpu::whole;
use crate::shared::update::{CHUNK, Trainable};
use crate::shared::wgsl;

const LANES: &str = include_str!("lanes.wgsl");

pub(super) static PARTIAL: Kernel = Kernel {
    name: "clip_norm::partial",
    source: &[wgsl::COMMON, LANES, include_str!("partial.wgsl")],
    entry: "sum_chunk",
};

pub(super) static JOIN: Kernel = Kernel {
    name: "clip_norm::join",
    source: &[LANES, include_str!("join.wgsl")],
    entry: "join",
};

/// Chunks of a gradient vector.
pub(super) fn chunks(trainable: &Trainable) -> usize {
    trainable.blocks().div_ceil(CHUNK / BLOCK)
}

/// Writes flag, norm and factor into `state`, and counts the step if it was finite.
pub(super) fn measure(
    gpu: &Gpu,
    gradients: &ParameterVector,
    partial: &GpuSlice,
    state: &GpuSlice,
    max_norm: f32,
) -> Result<()> {
    let gradients = whole(gradients);
    let chunks = partial.len() / 2;
    gpu.dispatch(
        &PARTIAL,
        &[Binding::Read(&gradients), Binding::Write(partial)],
        &[gradients.len() as u32, chunks as u32],
        chunks,
    )?;
    gpu.dispatch(
        &JOIN,
        &[Binding::Read(partial), Binding::Write(state)],
        &[chunks as u32, max_norm.to_bits()],
        1,
    )
}
