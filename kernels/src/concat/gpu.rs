//! Buffers and dispatch sizes: a copy per matrix.

use limbeck_engine::{GpuBackward, GpuForward, Result};

use super::{places, total_columns};
use crate::shared::columns::{Columns, copy_columns_gpu};

pub(super) fn forward(io: &GpuForward<'_>) -> Result<()> {
    let metas = io.metas();
    let columns = total_columns(metas);
    for (k, (first, width)) in places(metas).enumerate() {
        let size = (metas[k].shape.rows(), width);
        let from = (io.input(k), Columns::all(width));
        let into = (io.output(0), Columns { columns, first });
        copy_columns_gpu(io.gpu(), size, from, into, false)?;
    }
    Ok(())
}

pub(super) fn backward(io: &mut GpuBackward<'_>) -> Result<()> {
    let metas = io.metas();
    let columns = total_columns(metas);
    for (k, (first, width)) in places(metas).enumerate() {
        if let Some((dx, accumulate)) = io.gradient_slot(k) {
            let size = (metas[k].shape.rows(), width);
            let from = (io.upstream(), Columns { columns, first });
            let into = (&dx, Columns::all(width));
            copy_columns_gpu(io.gpu(), size, from, into, accumulate)?;
        }
    }
    Ok(())
}
