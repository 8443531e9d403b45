//! Buffers and dispatch sizes.

use limbeck_engine::{Binding, GpuBackward, GpuForward, Kernel, Result};

use super::{COORDINATES, Embedding, IDS, OFFSETS, POSITIONS, SEGMENTS, TABLE};
use crate::shared::gpu::{elementwise, flag};
use crate::shared::segments::gpu::Sum;
use crate::shared::{segments, wgsl};

static FORWARD: Kernel = Kernel {
    name: "embedding::forward",
    source: &[wgsl::COMMON, include_str!("forward.wgsl")],
    entry: "forward",
};
static GRAD_POSITIONS: Kernel = Kernel {
    name: "embedding::grad_positions",
    source: &[wgsl::COMMON, include_str!("grad_positions.wgsl")],
    entry: "grad_positions",
};

pub(super) fn kernels() -> Vec<&'static Kernel> {
    let mut kernels = vec![&FORWARD, &GRAD_POSITIONS];
    kernels.extend(segments::gpu::KERNELS);
    kernels
}

pub(super) fn forward(operator: &Embedding, columns: usize, io: &GpuForward<'_>) -> Result<()> {
    let (table, ids, y) = (io.input(TABLE), io.input(IDS), io.output(0));
    // Absent positions are bound to what is there, which the flag keeps from being read.
    let (positions, coordinates) = match operator.longest {
        Some(_) => (io.input(POSITIONS), io.input(COORDINATES)),
        None => (table, ids),
    };
    let bindings = [
        Binding::Read(table),
        Binding::Read(ids),
        Binding::Read(positions),
        Binding::Read(coordinates),
        Binding::Write(y),
    ];
    let parameters = [
        y.len() as u32,
        columns as u32,
        flag(operator.longest.is_some()),
    ];
    io.dispatch(&FORWARD, &bindings, &parameters, elementwise(y.len()))
}

pub(super) fn backward(
    operator: &Embedding,
    columns: usize,
    io: &mut GpuBackward<'_>,
) -> Result<()> {
    if let Some(dtable) = io.gradient(TABLE)? {
        let sum = Sum {
            shape: operator.segments,
            lists: [0, 1, 2, 3].map(|list| io.input(SEGMENTS + list)),
            weights: None,
            rows: io.upstream(),
            into: &dtable,
            columns,
            accumulate: true,
            pieces: io.scratch(0),
        };
        segments::gpu::sum(io.gpu(), &sum)?;
    }
    let Some((dpositions, accumulate)) = io.gradient_slot(POSITIONS) else {
        return Ok(());
    };
    let offsets = io.input(OFFSETS);
    let bindings = [
        Binding::Read(io.upstream()),
        Binding::Read(offsets),
        Binding::Write(&dpositions),
    ];
    let positions = io.metas()[POSITIONS].shape.rows();
    let tiles = columns.div_ceil(16);
    let parameters = [
        positions as u32,
        columns as u32,
        tiles as u32,
        (offsets.len() - 1) as u32,
        flag(accumulate),
    ];
    io.dispatch(&GRAD_POSITIONS, &bindings, &parameters, positions * tiles)
}
