//! Two dispatches: a sum per chunk, then all sums in one workgroup.

use limbeck_engine::{Binding, Gpu, GpuSlice, Kernel, ParameterVector, Result};

use crate::shared::gpu::whole;
use crate::shared::update::CHUNK;
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

/// The buffers whose squares are summed: all slices in one, and the rows of each row-sparse
/// parameter.
fn buffers(gradients: &ParameterVector) -> Vec<GpuSlice> {
    let rows = gradients.rows().iter().flatten();
    let rows = rows.filter_map(|rows| rows.values.gpu_slice());
    std::iter::once(whole(gradients)).chain(rows).collect()
}

/// Chunks of a gradient vector.
pub(super) fn chunks(gradients: &ParameterVector) -> usize {
    let buffers = buffers(gradients);
    buffers.iter().map(|b| b.len().div_ceil(CHUNK)).sum()
}

/// Writes flag, norm and factor into `state`, and counts the step if it was finite. `partial` has
/// room for two words a chunk.
pub(super) fn measure(
    gpu: &Gpu,
    gradients: &ParameterVector,
    partial: &GpuSlice,
    state: &GpuSlice,
    max_norm: f32,
) -> Result<()> {
    let mut first = 0;
    for gradients in buffers(gradients) {
        let chunks = gradients.len().div_ceil(CHUNK);
        gpu.dispatch(
            &PARTIAL,
            &[Binding::Read(&gradients), Binding::Write(partial)],
            &[gradients.len() as u32, chunks as u32, first],
            chunks,
        )?;
        first += chunks as u32;
    }
    gpu.dispatch(
        &JOIN,
        &[Binding::Read(partial), Binding::Write(state)],
        &[first, max_norm.to_bits()],
        1,
    )
}
