//! Buffers and dispatch sizes: a workgroup per target for the coefficients, one per edge for the
//! scores' gradients; the sums of rows are those of other operators.

use limbeck_engine::{Binding, GpuBackward, GpuForward, Kernel, Result};

use super::{EdgeSoftmax, SCORES, columns};
use crate::shared::edges::{OFFSETS, ORDER, SEGMENTS, SOURCES, TARGETS, X};
use crate::shared::gpu::flag;
use crate::shared::segments::gpu::Sum;
use crate::shared::{segments, wgsl};
use crate::{embedding_bag, gather_rows};

static COEFFICIENTS: Kernel = Kernel {
    name: "edge_softmax::coefficients",
    source: &[
        wgsl::COMMON,
        wgsl::MATH,
        wgsl::REDUCE,
        include_str!("coefficients.wgsl"),
    ],
    entry: "coefficients",
};
static GRAD_SCORES: Kernel = Kernel {
    name: "edge_softmax::grad_scores",
    source: &[wgsl::COMMON, wgsl::REDUCE, include_str!("grad_scores.wgsl")],
    entry: "grad_scores",
};

pub(super) static KERNELS: [&Kernel; 2] = [&COEFFICIENTS, &GRAD_SCORES];

pub(super) fn forward(operator: &EdgeSoftmax, io: &GpuForward<'_>) -> Result<()> {
    let (alpha, targets) = (io.save(0), operator.edges.targets);
    let bindings = [
        Binding::Read(io.input(SCORES)),
        Binding::Read(io.input(OFFSETS)),
        Binding::Write(alpha),
    ];
    io.dispatch(&COEFFICIENTS, &bindings, &[targets as u32], targets)?;
    let operands = [io.input(X), io.input(OFFSETS), io.input(SOURCES), alpha];
    let columns = columns(io.metas());
    embedding_bag::gpu::weighted_sums(io.gpu(), columns, operands, io.output(0))
}

pub(super) fn backward(operator: &EdgeSoftmax, io: &mut GpuBackward<'_>) -> Result<()> {
    let columns = columns(io.metas());
    if let Some((dscores, accumulate)) = io.gradient_slot(SCORES) {
        let bindings = [
            Binding::Read(io.input(X)),
            Binding::Read(io.output(0)),
            Binding::Read(io.upstream()),
            Binding::Read(io.saved(0)),
            Binding::Read(io.input(SOURCES)),
            Binding::Read(io.input(TARGETS)),
            Binding::Write(&dscores),
        ];
        let edges = dscores.len();
        let parameters = [edges as u32, columns as u32, flag(accumulate)];
        io.dispatch(&GRAD_SCORES, &bindings, &parameters, edges)?;
    }
    let Some(dx) = io.gradient(X)? else {
        return Ok(());
    };
    let sorted = io.scratch(1);
    gather_rows::gpu::take(io.gpu(), (io.saved(0), 1), io.input(ORDER), sorted)?;
    let sum = Sum {
        shape: operator.edges.by_source,
        lists: [0, 1, 2, 3].map(|list| io.input(SEGMENTS + list)),
        weights: Some(sorted),
        rows: io.upstream(),
        into: &dx,
        columns,
        accumulate: true,
        pieces: io.scratch(0),
    };
    segments::gpu::sum(io.gpu(), &sum)
}
