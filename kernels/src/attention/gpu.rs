//! Buffers and dispatch sizes.

use limbeck_engine::{Binding, GpuBackward, GpuForward, Kernel, Result};

use super::Attention;
use crate::shared::attention::Sizes;
use crate::shared::attention::gpu::{self as shared, Parameters, choose, tiled};
use crate::shared::gpu::elementwise;
use crate::shared::wgsl;

static FORWARD: [Kernel; 3] = tiled!(
    "attention",
    "forward",
    [
        include_str!("rows.wgsl"),
        include_str!("result.wgsl"),
        shared::FORWARD
    ]
);
static GRAD_QUERY: [Kernel; 3] = tiled!(
    "attention",
    "grad_query",
    [
        include_str!("rows.wgsl"),
        include_str!("upstream.wgsl"),
        shared::GRADIENT,
        shared::GRAD_QUERY
    ]
);
static GRAD_KEY_VALUE: [Kernel; 3] = tiled!(
    "attention",
    "grad_key_value",
    [
        include_str!("rows.wgsl"),
        include_str!("upstream.wgsl"),
        shared::GRADIENT,
        shared::GRAD_KEY_VALUE
    ]
);
static ROW_PRODUCTS: Kernel = Kernel {
    name: "attention::row_products",
    source: &[wgsl::COMMON, include_str!("row_products.wgsl")],
    entry: "row_products",
};

pub(super) fn kernels() -> Vec<&'static Kernel> {
    let tiled = [&FORWARD, &GRAD_QUERY, &GRAD_KEY_VALUE];
    tiled.into_iter().flatten().chain([&ROW_PRODUCTS]).collect()
}

fn workgroups(operator: &Attention, sizes: Sizes) -> usize {
    shared::workgroups(sizes.rows, operator.lengths.len(), sizes.heads)
}

/// The words of the uniform block.
fn parameters(operator: &Attention, sizes: Sizes, accumulate: bool) -> [u32; 12] {
    let parameters = Parameters {
        sequences: operator.lengths.len(),
        sizes,
        mask: operator.mask(),
        causal: operator.causal,
        accumulate,
    };
    parameters.words()
}

pub(super) fn forward(operator: &Attention, sizes: Sizes, io: &GpuForward<'_>) -> Result<()> {
    let bindings = [
        Binding::Read(io.input(0)),
        Binding::Read(io.input(1)),
        Binding::Read(io.input(2)),
        Binding::Write(io.output(0)),
        Binding::Write(io.save(0)),
    ];
    let parameters = parameters(operator, sizes, false);
    let kernel = choose(&FORWARD, sizes);
    io.dispatch(kernel, &bindings, &parameters, workgroups(operator, sizes))
}

pub(super) fn backward(operator: &Attention, sizes: Sizes, io: &mut GpuBackward<'_>) -> Result<()> {
    let Some((grad, accumulate)) = io.gradient_slot(0) else {
        return Ok(());
    };
    let (dy, d) = (io.upstream(), io.scratch(0));
    let count = sizes.rows * sizes.heads;
    io.dispatch(
        &ROW_PRODUCTS,
        &[
            Binding::Read(dy),
            Binding::Read(io.output(0)),
            Binding::Write(d),
        ],
        &[count as u32, sizes.head_size as u32],
        elementwise(count),
    )?;
    let bindings = [
        Binding::Read(io.input(0)),
        Binding::Read(io.input(1)),
        Binding::Read(io.input(2)),
        Binding::Read(dy),
        Binding::Read(io.saved(0)),
        Binding::Read(d),
        Binding::Write(&grad),
    ];
    let parameters = parameters(operator, sizes, accumulate);
    for kernels in [&GRAD_QUERY, &GRAD_KEY_VALUE] {
        let kernel = choose(kernels, sizes);
        io.dispatch(kernel, &bindings, &parameters, workgroups(operator, sizes))?;
    }
    Ok(())
}
