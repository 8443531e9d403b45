//! Both ways are sums over the entries of rows, of the matrix or its transpose.

use limbeck_engine::{GpuBackward, GpuForward, Kernel, Result};

use super::{BY_COLUMN, BY_ROW, Spmm, WEIGHTS, X};
use crate::shared::segments;
use crate::shared::segments::gpu::Sum;

pub(super) fn kernels() -> Vec<&'static Kernel> {
    segments::gpu::KERNELS.to_vec()
}

pub(super) fn forward(operator: &Spmm, io: &GpuForward<'_>) -> Result<()> {
    let sum = Sum {
        shape: operator.sides[0],
        lists: [0, 1, 2, 3].map(|list| io.input(BY_ROW + list)),
        weights: Some(io.input(BY_ROW + WEIGHTS)),
        rows: io.input(X),
        into: io.output(0),
        columns: io.metas()[X].shape.columns(),
        accumulate: false,
        pieces: io.scratch(0),
    };
    segments::gpu::sum(io.gpu(), &sum)
}

pub(super) fn backward(operator: &Spmm, io: &mut GpuBackward<'_>) -> Result<()> {
    let Some((dx, accumulate)) = io.gradient_slot(X) else {
        return Ok(());
    };
    let sum = Sum {
        shape: operator.sides[1],
        lists: [0, 1, 2, 3].map(|list| io.input(BY_COLUMN + list)),
        weights: Some(io.input(BY_COLUMN + WEIGHTS)),
        rows: io.upstream(),
        into: &dx,
        columns: io.metas()[X].shape.columns(),
        accumulate,
        pieces: io.scratch(0),
    };
    segments::gpu::sum(io.gpu(), &sum)
}
