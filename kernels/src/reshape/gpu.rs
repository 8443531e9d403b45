//! Buffers and dispatch sizes: one copy each way, an invocation an element.

use limbeck_engine::{GpuBackward, GpuForward, Result};

use crate::shared::columns::{Columns, copy_columns_gpu};

pub(super) fn forward(io: &GpuForward<'_>) -> Result<()> {
    let count = io.metas()[0].shape.elements();
    let (from, into) = (io.input(0), io.output(0));
    let all = Columns::all(1);
    copy_columns_gpu(io.gpu(), (count, 1), (from, all), (into, all), false)
}

pub(super) fn backward(io: &mut GpuBackward<'_>) -> Result<()> {
    let count = io.metas()[0].shape.elements();
    let all = Columns::all(1);
    match io.gradient(0)? {
        Some(dx) => copy_columns_gpu(io.gpu(), (count, 1), (io.upstream(), all), (&dx, all), true),
        None => Ok(()),
    }
}
