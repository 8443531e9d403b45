//! Buffers and dispatch sizes.

use limbeck_engine::{Binding, Gpu, GpuBackward, GpuForward, GpuSlice, Kernel, Result};

use super::{EmbeddingBag, INDICES, OFFSETS, SEGMENTS, SORTED_WEIGHTS, TABLE, WEIGHTS};
use crate::shared::gpu::elementwise;
use crate::shared::segments::gpu::Sum;
use crate::shared::{segments, wgsl};

static FORWARD: Kernel = Kernel {
    name: "embedding_bag::forward",
    source: &[wgsl::COMMON, include_str!("forward.wgsl")],
    entry: "forward",
};

pub(super) fn kernels() -> Vec<&'static Kernel> {
    let mut kernels = vec![&FORWARD];
    kernels.extend(segments::gpu::KERNELS);
    kernels
}

pub(super) fn forward(io: &GpuForward<'_>) -> Result<()> {
    let columns = io.metas()[TABLE].shape.columns();
    let operands = [TABLE, OFFSETS, INDICES, WEIGHTS].map(|input| io.input(input));
    weighted_sums(io.gpu(), columns, operands, io.output(0))
}

/// `y_b` = the sum of weight * table row over the entries of bag b, from the table, the offsets,
/// the indices and the weights.
pub(crate) fn weighted_sums(
    gpu: &Gpu,
    columns: usize,
    operands: [&GpuSlice; 4],
    y: &GpuSlice,
) -> Result<()> {
    let [table, offsets, indices, weights] = operands.map(Binding::Read);
    let bindings = [table, offsets, indices, weights, Binding::Write(y)];
    let parameters = [y.len() as u32, columns as u32];
    gpu.dispatch(&FORWARD, &bindings, &parameters, elementwise(y.len()))
}

pub(super) fn backward(operator: &EmbeddingBag, io: &mut GpuBackward<'_>) -> Result<()> {
    let columns = io.metas()[TABLE].shape.columns();
    let Some(dtable) = io.gradient(TABLE)? else {
        return Ok(());
    };
    let sum = Sum {
        shape: operator.segments,
        lists: [0, 1, 2, 3].map(|list| io.input(SEGMENTS + list)),
        weights: Some(io.input(SORTED_WEIGHTS)),
        rows: io.upstream(),
        into: &dtable,
        columns,
        accumulate: true,
        pieces: io.scratch(0),
    };
    segments::gpu::sum(io.gpu(), &sum)
}
