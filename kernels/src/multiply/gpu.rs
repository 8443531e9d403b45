//! Buffers and dispatch sizes: one kernel, three products.

use limbeck_engine::{Binding, Gpu, GpuBackward, GpuForward, GpuSlice, Kernel, Result};

use crate::shared::gpu::{elementwise, flag};
use crate::shared::wgsl;

pub(super) static PRODUCT: Kernel = Kernel {
    name: "multiply::product",
    source: &[wgsl::COMMON, include_str!("product.wgsl")],
    entry: "product",
};

pub(super) fn forward(io: &GpuForward<'_>) -> Result<()> {
    product(io.gpu(), io.input(0), io.input(1), io.output(0), false)
}

pub(super) fn backward(io: &mut GpuBackward<'_>) -> Result<()> {
    for (input, other) in [(0, 1), (1, 0)] {
        if let Some((gradient, accumulate)) = io.gradient_slot(input) {
            let (other, dy) = (io.input(other), io.upstream());
            product(io.gpu(), other, dy, &gradient, accumulate)?;
        }
    }
    Ok(())
}

/// `into = a b`, or `into += a b`.
fn product(gpu: &Gpu, a: &GpuSlice, b: &GpuSlice, into: &GpuSlice, accumulate: bool) -> Result<()> {
    let bindings = [Binding::Read(a), Binding::Read(b), Binding::Write(into)];
    let parameters = [into.len() as u32, flag(accumulate)];
    gpu.dispatch(&PRODUCT, &bindings, &parameters, elementwise(into.len()))
}
