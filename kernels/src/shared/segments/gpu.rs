//! Two steps: an invocation per key or piece and column, then the join of the pieces.

use limbeck_engine::{Binding, Gpu, GpuSlice, Kernel, Result};

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

/// What is summed where.
pub(crate) struct Sum<'a> {
    pub(crate) shape: SegmentShape,
    /// The four lists.
    pub(crate) lists: [&'a GpuSlice; 4],
    pub(crate) weights: Option<&'a GpuSlice>,
    pub(crate) rows: &'a GpuSlice,
    pub(crate) into: &'a GpuSlice,
    pub(crate) columns: usize,
    /// Whether the sums are added to what stands there.
    pub(crate) accumulate: bool,
    pub(crate) pieces: &'a GpuSlice,
}

/// `into[key] = sum over the key's entries of weight * rows[source]`, or `+=`.
pub(crate) fn sum(gpu: &Gpu, task: &Sum<'_>) -> Result<()> {
    let (shape, columns) = (task.shape, task.columns);
    let [sources, offsets, targets, _] = task.lists;
    let segments = shape.whole + shape.pieces;
    // Absent weights are bound to the rows, which the flag keeps from being read.
    let bindings = [
        Binding::Read(task.rows),
        Binding::Read(sources),
        Binding::Read(task.weights.unwrap_or(task.rows)),
        Binding::Read(offsets),
        Binding::Read(targets),
        Binding::Write(task.into),
        Binding::Write(task.pieces),
    ];
    let parameters = [
        segments as u32,
        columns as u32,
        shape.whole as u32,
        flag(task.weights.is_some()),
        flag(task.accumulate),
    ];
    gpu.dispatch(
        &SUM,
        &bindings,
        &parameters,
        elementwise(segments * columns),
    )?;
    join(gpu, task)
}

/// The second step alone: the pieces of each key with many entries.
pub(crate) fn join(gpu: &Gpu, task: &Sum<'_>) -> Result<()> {
    let (shape, columns) = (task.shape, task.columns);
    let [_, _, targets, joins] = task.lists;
    let many = shape.targets - shape.whole;
    let bindings = [
        Binding::Read(task.pieces),
        Binding::Read(joins),
        Binding::Read(targets),
        Binding::Write(task.into),
    ];
    let parameters = [
        many as u32,
        columns as u32,
        shape.whole as u32,
        flag(task.accumulate),
    ];
    gpu.dispatch(&JOIN, &bindings, &parameters, elementwise(many * columns))
}
