//! Copies between column ranges of row-major matrices, on the CPU and on a GPU.

#[cfg(feature = "gpu")]
use limbeck_engine::{Binding, Gpu, GpuSlice, Kernel, Result};

use super::reduce::for_row_blocks;

/// Where a range of columns stands in a matrix.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Columns {
    /// Columns of the whole matrix.
    pub(crate) columns: usize,
    /// The first one of the range.
    pub(crate) first: usize,
}

impl Columns {
    /// From the first column on.
    pub(crate) fn all(columns: usize) -> Self {
        Columns { columns, first: 0 }
    }
}

/// Copies (or adds) `width` columns of every row.
pub(crate) fn copy_columns(
    width: usize,
    (from, at): (&[f32], Columns),
    (into, to): (&mut [f32], Columns),
    accumulate: bool,
) {
    for_row_blocks(into, to.columns, |first, block| {
        for (row, into) in (first..).zip(block.chunks_exact_mut(to.columns)) {
            let from = &from[row * at.columns + at.first..][..width];
            let into = &mut into[to.first..][..width];
            if accumulate {
                into.iter_mut().zip(from).for_each(|(a, b)| *a += b);
            } else {
                into.copy_from_slice(from);
            }
        }
    });
}

/// The shader of [`copy_columns_gpu`].
#[cfg(feature = "gpu")]
pub(crate) static COPY_COLUMNS: Kernel = Kernel {
    name: "shared::copy_columns",
    source: &[super::wgsl::COMMON, include_str!("copy_columns.wgsl")],
    entry: "copy_columns",
};

/// [`copy_columns`] on a GPU.
#[cfg(feature = "gpu")]
pub(crate) fn copy_columns_gpu(
    gpu: &Gpu,
    (rows, width): (usize, usize),
    (from, at): (&GpuSlice, Columns),
    (into, to): (&GpuSlice, Columns),
    accumulate: bool,
) -> Result<()> {
    let parameters = [
        (rows * width) as u32,
        width as u32,
        at.columns as u32,
        at.first as u32,
        to.columns as u32,
        to.first as u32,
        super::gpu::flag(accumulate),
    ];
    gpu.dispatch(
        &COPY_COLUMNS,
        &[Binding::Read(from), Binding::Write(into)],
        &parameters,
        super::gpu::elementwise(rows * width),
    )
}
