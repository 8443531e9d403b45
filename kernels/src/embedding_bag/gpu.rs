//! Buffers and dispatch sizes.

use limbeck_engine::{Binding, GpuBackward, GpuForward, Kernel, Result};

use super::{EmbeddingBag, INDICES, OFFSETS, SEGMENTS, SORTED_WEIGHTS, TABLE, WEIGHTS};
use crate::shared::gpu::elementwise;
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
    let y = io.output(0);
    let [table, offsets, indices, weights] =
        [TABLE, OFFSETS, INDICES, WEIGHTS].map(|input| Binding::Read(io.input(input)));
    let bindings = [table, offsets, indices, weights, Binding::Write(y)];
    let columns = io.metas()[TABLE].shape.columns();
    let parameters = [y.len() as u32, columns as u32];
    io.dispatch(&FORWARD, &bindings, &parameters, elementwise(y.len()))
}

pub(super) fn backward(operator: &EmbeddingBag, io: &mut GpuBackward<'_>) -> Result<()> {
    let columns = io.metas()[TABLE].shape.columns();
    let Some(dtable) = io.gradient(TABLE)? else {
        return Ok(());
    };
    let lists = (operator.segments, SEGMENTS);
    let weights = Some(io.input(SORTED_WEIGHTS));
    segments::gpu::add(io, lists, (&dtable, columns), weights, io.scratch(0))
}
