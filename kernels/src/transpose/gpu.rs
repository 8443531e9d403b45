//! Buffers and dispatch sizes: an invocation an element, the same shader both ways.

use limbeck_engine::{Binding, Gpu, GpuBackward, GpuForward, GpuSlice, Kernel, Result};

use crate::shared::gpu::{elementwise, flag};
use crate::shared::wgsl;

pub(super) static TRANSPOSE: Kernel = Kernel {
    name: "transpose::transpose",
    source: &[wgsl::COMMON, include_str!("transpose.wgsl")],
    entry: "transpose_rows",
};

pub(super) fn forward(sizes: (usize, usize), io: &GpuForward<'_>) -> Result<()> {
    transpose(io.gpu(), sizes, io.input(0), io.output(0), false)
}

pub(super) fn backward((rows, columns): (usize, usize), io: &mut GpuBackward<'_>) -> Result<()> {
    match io.gradient_slot(0) {
        Some((dx, accumulate)) => {
            transpose(io.gpu(), (columns, rows), io.upstream(), &dx, accumulate)
        }
        None => Ok(()),
    }
}

/// `into` (+)= the transpose of `from` (rows x columns).
fn transpose(
    gpu: &Gpu,
    (rows, columns): (usize, usize),
    from: &GpuSlice,
    into: &GpuSlice,
    accumulate: bool,
) -> Result<()> {
    let count = rows * columns;
    gpu.dispatch(
        &TRANSPOSE,
        &[Binding::Read(from), Binding::Write(into)],
        &[count as u32, rows as u32, columns as u32, flag(accumulate)],
        elementwise(count),
    )
}
