//! Buffers and dispatch sizes: an invocation per element, or per row for its inner product.

use limbeck_engine::{Binding, Gpu, GpuBackward, GpuForward, GpuSlice, Kernel, Result};

use super::{S, X};
use crate::shared::gpu::{elementwise, flag};
use crate::shared::wgsl;

pub(super) static PRODUCT: Kernel = Kernel {
    name: "scale_rows::product",
    source: &[wgsl::COMMON, include_str!("product.wgsl")],
    entry: "product",
};
pub(super) static INNER: Kernel = Kernel {
    name: "scale_rows::inner",
    source: &[wgsl::COMMON, include_str!("inner.wgsl")],
    entry: "inner",
};

pub(super) fn forward(columns: usize, io: &GpuForward<'_>) -> Result<()> {
    let x = (io.input(X), columns);
    product(io.gpu(), x, io.input(S), io.output(0), false)
}

pub(super) fn backward(columns: usize, io: &mut GpuBackward<'_>) -> Result<()> {
    if let Some((dx, accumulate)) = io.gradient_slot(X) {
        let dy = (io.upstream(), columns);
        product(io.gpu(), dy, io.input(S), &dx, accumulate)?;
    }
    if let Some((ds, accumulate)) = io.gradient_slot(S) {
        let bindings = [
            Binding::Read(io.input(X)),
            Binding::Read(io.upstream()),
            Binding::Write(&ds),
        ];
        let rows = ds.len();
        let parameters = [rows as u32, columns as u32, flag(accumulate)];
        io.dispatch(&INNER, &bindings, &parameters, elementwise(rows))?;
    }
    Ok(())
}

/// `into = s x` row by row, or `into += s x`.
fn product(
    gpu: &Gpu,
    (x, columns): (&GpuSlice, usize),
    s: &GpuSlice,
    into: &GpuSlice,
    accumulate: bool,
) -> Result<()> {
    let bindings = [Binding::Read(x), Binding::Read(s), Binding::Write(into)];
    let parameters = [into.len() as u32, columns as u32, flag(accumulate)];
    gpu.dispatch(&PRODUCT, &bindings, &parameters, elementwise(into.len()))
}
