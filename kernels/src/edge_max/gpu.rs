//! Buffers and dispatch sizes: an invocation per element of y and of dx, a workgroup per edge for
//! the weights' gradients.

use limbeck_engine::{Binding, GpuBackward, GpuForward, GpuSlice, Kernel, Result};

use super::{EdgeMax, WEIGHTS, columns};
use crate::shared::edges::{OFFSETS, ORDER, SEGMENTS, SOURCES, TARGETS, X};
use crate::shared::gpu::{elementwise, flag};
use crate::shared::segments::gpu::Sum;
use crate::shared::{segments, wgsl};

static FORWARD: Kernel = Kernel {
    name: "edge_max::forward",
    source: &[wgsl::COMMON, wgsl::ORDER, include_str!("forward.wgsl")],
    entry: "forward",
};
static GRAD_X: Kernel = Kernel {
    name: "edge_max::grad_x",
    source: &[wgsl::COMMON, include_str!("grad_x.wgsl")],
    entry: "grad_x",
};
static GRAD_WEIGHTS: Kernel = Kernel {
    name: "edge_max::grad_weights",
    source: &[
        wgsl::COMMON,
        wgsl::REDUCE,
        include_str!("grad_weights.wgsl"),
    ],
    entry: "grad_weights",
};

pub(super) static KERNELS: [&Kernel; 3] = [&FORWARD, &GRAD_X, &GRAD_WEIGHTS];

pub(super) fn forward(io: &GpuForward<'_>) -> Result<()> {
    let [x, weights, offsets, sources] =
        [X, WEIGHTS, OFFSETS, SOURCES].map(|input| Binding::Read(io.input(input)));
    let (y, winners) = (Binding::Write(io.output(0)), Binding::Write(io.save(0)));
    let (count, columns) = (io.output(0).len(), columns(io.metas()));
    let bindings = [x, weights, offsets, sources, y, winners];
    let parameters = [count as u32, columns as u32];
    io.dispatch(&FORWARD, &bindings, &parameters, elementwise(count))
}

pub(super) fn backward(operator: &EdgeMax, io: &mut GpuBackward<'_>) -> Result<()> {
    let columns = columns(io.metas());
    if let Some((dweights, accumulate)) = io.gradient_slot(WEIGHTS) {
        let [x, sources, targets] =
            [X, SOURCES, TARGETS].map(|input| Binding::Read(io.input(input)));
        let (winners, dy) = (Binding::Read(io.saved(0)), Binding::Read(io.upstream()));
        let bindings = [x, sources, targets, winners, dy, Binding::Write(&dweights)];
        let edges = dweights.len();
        let parameters = [edges as u32, columns as u32, flag(accumulate)];
        io.dispatch(&GRAD_WEIGHTS, &bindings, &parameters, edges)?;
    }
    let Some(dx) = io.gradient(X)? else {
        return Ok(());
    };
    let (shape, pieces) = (operator.edges.by_source, io.scratch(0));
    add_won(io, (0, shape.whole), columns, &dx, true)?;
    add_won(io, (shape.whole, shape.pieces), columns, pieces, false)?;
    let sum = Sum {
        shape,
        lists: [0, 1, 2, 3].map(|list| io.input(SEGMENTS + list)),
        weights: None,
        rows: io.upstream(),
        into: &dx,
        columns,
        accumulate: true,
        pieces,
    };
    segments::gpu::join(io.gpu(), &sum)
}

/// What the edges of some segments won: added to the rows of the segments' keys, or, for pieces,
/// written row by row.
fn add_won(
    io: &GpuBackward<'_>,
    (first, segments): (usize, usize),
    columns: usize,
    into: &GpuSlice,
    by_key: bool,
) -> Result<()> {
    // The lists are the targets of the sorted edges, the segments' offsets and their keys.
    let [targets, offsets, keys] = [0, 1, 2].map(|list| Binding::Read(io.input(SEGMENTS + list)));
    let bindings = [
        Binding::Read(io.upstream()),
        Binding::Read(io.saved(0)),
        Binding::Read(io.input(WEIGHTS)),
        Binding::Read(io.input(ORDER)),
        targets,
        offsets,
        keys,
        Binding::Write(into),
    ];
    let count = segments * columns;
    let parameters = [count as u32, columns as u32, first as u32, flag(by_key)];
    io.dispatch(&GRAD_X, &bindings, &parameters, elementwise(count))
}
