//! Buffers and dispatch sizes: a dispatch adds two terms, so that the common sum of two is one
//! pass over memory.

use limbeck_engine::{Binding, Gpu, GpuBackward, GpuForward, GpuSlice, Kernel, Result};

use super::WeightedSum;
use crate::shared::gpu::{elementwise, flag};
use crate::shared::wgsl;

pub(super) static COMBINE: Kernel = Kernel {
    name: "weighted_sum::combine",
    source: &[wgsl::COMMON, include_str!("combine.wgsl")],
    entry: "combine",
};

pub(super) fn forward(operator: &WeightedSum, io: &GpuForward<'_>) -> Result<()> {
    let y = io.output(0);
    for (pair, factors) in operator.factors.chunks(2).enumerate() {
        let first = (io.input(2 * pair), factors[0]);
        let second = factors.get(1).map(|&f| (io.input(2 * pair + 1), f));
        combine(io.gpu(), first, second, y, pair > 0)?;
    }
    Ok(())
}

pub(super) fn backward(operator: &WeightedSum, io: &mut GpuBackward<'_>) -> Result<()> {
    for (k, &factor) in operator.factors.iter().enumerate() {
        if let Some((dx, accumulate)) = io.gradient_slot(k) {
            add_scaled(io.gpu(), io.upstream(), factor, &dx, accumulate)?;
        }
    }
    Ok(())
}

/// `into = factor * from`, or `into += factor * from`.
pub(crate) fn add_scaled(
    gpu: &Gpu,
    from: &GpuSlice,
    factor: f32,
    into: &GpuSlice,
    accumulate: bool,
) -> Result<()> {
    combine(gpu, (from, factor), None, into, accumulate)
}

fn combine(
    gpu: &Gpu,
    (a, by_a): (&GpuSlice, f32),
    second: Option<(&GpuSlice, f32)>,
    into: &GpuSlice,
    accumulate: bool,
) -> Result<()> {
    let (b, by_b) = second.unwrap_or((a, 0.0));
    let parameters = [
        into.len() as u32,
        flag(second.is_some()),
        flag(accumulate),
        by_a.to_bits(),
        by_b.to_bits(),
    ];
    let bindings = [Binding::Read(a), Binding::Read(b), Binding::Write(into)];
    gpu.dispatch(&COMBINE, &bindings, &parameters, elementwise(into.len()))
}
