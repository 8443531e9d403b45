//! Buffers and dispatch sizes.

use limbeck_engine::{Binding, GpuBackward, GpuForward, Kernel, Result};

use super::{CrossAttention, INPUTS, KEYS_VALUES, QUERIES};
use crate::shared::attention::Sizes;
use crate::shared::attention::gpu::{self as shared, Parameters, choose, tiled};
use crate::shared::gpu::elementwise;
use crate::shared::wgsl;

static FORWARD: [Kernel; 3] = tiled!(
    "cross_attention",
    "forward",
    [
        include_str!("rows.wgsl"),
        include_str!("own_queries.wgsl"),
        include_str!("result.wgsl"),
        shared::FORWARD
    ]
);
static GRAD_QUERY: [Kernel; 3] = tiled!(
    "cross_attention",
    "grad_query",
    [
        include_str!("rows.wgsl"),
        include_str!("own_queries.wgsl"),
        include_str!("upstream.wgsl"),
        shared::GRADIENT,
        shared::GRAD_QUERY
    ]
);
static GRAD_KEY_VALUE: [Kernel; 3] = tiled!(
    "cross_attention",
    "grad_key_value",
    [
        include_str!("rows.wgsl"),
        include_str!("own_keys.wgsl"),
        include_str!("upstream.wgsl"),
        shared::GRADIENT,
        shared::GRAD_KEY_VALUE
    ]
);
static ROW_PRODUCTS: Kernel = Kernel {
    name: "cross_attention::row_products",
    source: &[wgsl::COMMON, include_str!("row_products.wgsl")],
    entry: "row_products",
};

pub(super) fn kernels() -> Vec<&'static Kernel> {
    let tiled = [&FORWARD, &GRAD_QUERY, &GRAD_KEY_VALUE];
    tiled.into_iter().flatten().chain([&ROW_PRODUCTS]).collect()
}

/// Workgroups that serve the rows of sequences of these lengths.
fn workgroups(lengths: &[usize], sizes: Sizes) -> usize {
    shared::workgroups(lengths.iter().sum(), lengths.len(), sizes.heads)
}

/// The words of the uniform block.
fn parameters(operator: &CrossAttention, sizes: Sizes, accumulate: bool) -> [u32; 12] {
    let parameters = Parameters {
        sequences: operator.target.len(),
        sizes,
        mask: operator.mask(),
        causal: false,
        accumulate,
    };
    parameters.words()
}

pub(super) fn forward(operator: &CrossAttention, sizes: Sizes, io: &GpuForward<'_>) -> Result<()> {
    let mut bindings: Vec<_> = (0..INPUTS).map(|i| Binding::Read(io.input(i))).collect();
    bindings.extend([Binding::Write(io.output(0)), Binding::Write(io.save(0))]);
    let parameters = parameters(operator, sizes, false);
    let workgroups = workgroups(&operator.target, sizes);
    io.dispatch(choose(&FORWARD, sizes), &bindings, &parameters, workgroups)
}

pub(super) fn backward(
    operator: &CrossAttention,
    sizes: Sizes,
    io: &mut GpuBackward<'_>,
) -> Result<()> {
    row_products(sizes, io)?;
    for (input, kernels, lengths) in [
        (QUERIES, &GRAD_QUERY, &operator.target),
        (KEYS_VALUES, &GRAD_KEY_VALUE, &operator.source),
    ] {
        let Some((grad, accumulate)) = io.gradient_slot(input) else {
            continue;
        };
        let mut bindings: Vec<_> = (0..INPUTS).map(|i| Binding::Read(io.input(i))).collect();
        bindings.extend([
            Binding::Read(io.upstream()),
            Binding::Read(io.scratch(0)),
            Binding::Write(&grad),
        ]);
        let parameters = parameters(operator, sizes, accumulate);
        let workgroups = workgroups(lengths, sizes);
        io.dispatch(choose(kernels, sizes), &bindings, &parameters, workgroups)?;
    }
    Ok(())
}

/// lse and D side by side, in the scratch memory.
fn row_products(sizes: Sizes, io: &GpuBackward<'_>) -> Result<()> {
    let count = sizes.rows * sizes.heads;
    io.dispatch(
        &ROW_PRODUCTS,
        &[
            Binding::Read(io.upstream()),
            Binding::Read(io.output(0)),
            Binding::Read(io.saved(0)),
            Binding::Write(io.scratch(0)),
        ],
        &[count as u32, sizes.head_size as u32],
        elementwise(count),
    )
}
