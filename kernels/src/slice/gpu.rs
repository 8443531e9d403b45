//! Buffers and dispatch sizes: one copy each way.

use limbeck_engine::{GpuBackward, GpuForward, Result};

use super::Slice;
use crate::shared::columns::{Columns, copy_columns_gpu};

pub(super) fn forward(operator: &Slice, io: &GpuForward<'_>) -> Result<()> {
    let &Slice { first, width } = operator;
    let shape = io.metas()[0].shape;
    let columns = shape.columns();
    let from = (io.input(0), Columns { columns, first });
    let into = (io.output(0), Columns::all(width));
    copy_columns_gpu(io.gpu(), (shape.rows(), width), from, into, false)
}

pub(super) fn backward(operator: &Slice, io: &mut GpuBackward<'_>) -> Result<()> {
    let &Slice { first, width } = operator;
    let shape = io.metas()[0].shape;
    let columns = shape.columns();
    let Some(dx) = io.gradient(0)? else {
        return Ok(());
    };
    let from = (io.upstream(), Columns::all(width));
    let into = (&dx, Columns { columns, first });
    copy_columns_gpu(io.gpu(), (shape.rows(), width), from, into, true)
}
