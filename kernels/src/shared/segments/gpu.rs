//! Two steps: an invocation per key or piece and column, then the join of the pieces.

use limbeck_engine::{Binding, GpuBackward, GpuSlice, Kernel, Result};

use super::SegmentShape;
use crate::shared::gpu::{elementwise, flag};
use crate::shared::wgsl;

static SUM: Kernel = Kernel {
    name: "segments::sum",
    source: &[wgsl::COMMON, include_str!("sum.wgsl")],
    entry: "sum_segments",
};
static JOIN: Kernel = Kernel {
    name: "segments::join",
    source: &[wgsl::COMMON, include_str!("join.wgsl")],
    entry: "join_pieces",
};

pub(crate) static KERNELS: [&Kernel; 2] = [&SUM, &JOIN];

/// Adds the rows of `upstream` into the table's gradient `into`; the four lists are the inputs
/// from number `first` on.
pub(crate) fn add(
    io: &GpuBackward<'_>,
    (shape, first): (SegmentShape, usize),
    (into, columns): (&GpuSlice, usize),
    weights: Option<&GpuSlice>,
    pieces: &GpuSlice,
) -> Result<()> {
    let [sources, offsets, targets, joins] = [0, 1, 2, 3].map(|list| io.input(first + list));
    let segments = shape.whole + shape.pieces;
    // Absent weights are bound to the rows, which the flag keeps from being read.
    let bindings = [
        Binding::Read(io.upstream()),
        Binding::Read(sources),
        Binding::Read(weights.unwrap_or(io.upstream())),
        Binding::Read(offsets),
        Binding::Read(targets),
        Binding::Write(into),
        Binding::Write(pieces),
    ];
    let parameters = [
        segments as u32,
        columns as u32,
        shape.whole as u32,
        flag(weights.is_some()),
    ];
    let gpu = io.gpu();
    gpu.dispatch(
        &SUM,
        &bindings,
        &parameters,
        elementwise(segments * columns),
    )?;
    let many = shape.targets - shape.whole;
    let bindings = [
        Binding::Read(pieces),
        Binding::Read(joins),
        Binding::Read(targets),
        Binding::Write(into),
    ];
    let parameters = [many as u32, columns as u32, shape.whole as u32];
    gpu.dispatch(&JOIN, &bindings, &parameters, elementwise(many * columns))
}
