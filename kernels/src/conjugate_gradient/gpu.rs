//! Two sums per chunk, joined on the host in f64; one dispatch for the whole store to move.

use limbeck_engine::{
    BLOCK, Binding, Gpu, Kernel, ParameterStore, ParameterVector, Result, Tensor,
};

use super::{ConjugateGradient, Products};
use crate::shared::gpu::whole;
use crate::shared::update::{CHUNK, Trainable};
use crate::shared::wgsl;

pub(super) static PRODUCTS: Kernel = Kernel {
    name: "conjugate_gradient::products",
    source: &[wgsl::COMMON, wgsl::REDUCE, include_str!("products.wgsl")],
    entry: "products",
};

pub(super) static ADVANCE: Kernel = Kernel {
    name: "conjugate_gradient::advance",
    source: &[wgsl::COMMON, include_str!("advance.wgsl")],
    entry: "advance",
};

pub(super) static TURN: Kernel = Kernel {
    name: "conjugate_gradient::turn",
    source: &[wgsl::COMMON, include_str!("turn.wgsl")],
    entry: "turn",
};

/// Chunks of a gradient vector.
pub(super) fn chunks(trainable: &Trainable) -> usize {
    trainable.blocks().div_ceil(CHUNK / BLOCK)
}

/// Of gradient, direction and gradient before; `sums` has room for two numbers per chunk.
pub(super) fn products(
    gpu: &Gpu,
    vectors: [&ParameterVector; 3],
    sums: &Tensor,
) -> Result<Products> {
    let [g, d, before] = vectors.map(whole);
    let chunks = sums.shape().elements() / 2;
    let into = sums
        .gpu_slice()
        .expect("the kernels ask only on a GPU, where the sums live");
    let bindings = [
        Binding::Read(&g),
        Binding::Read(&d),
        Binding::Read(&before),
        Binding::Write(&into),
    ];
    let parameters = [g.len() as u32, chunks as u32];
    gpu.dispatch(&PRODUCTS, &bindings, &parameters, chunks)?;
    let mut products = Products::default();
    for pair in sums.read()?.chunks_exact(2) {
        products.slope += f64::from(pair[0]);
        products.before += f64::from(pair[1]);
    }
    Ok(products)
}

pub(super) fn advance(
    gpu: &Gpu,
    rule: &ConjugateGradient,
    store: &mut ParameterStore,
    by: f64,
) -> Result<()> {
    let table = rule.rules.table();
    let (values, d) = (whole(store.values_mut()?), whole(&rule.moments[0]));
    let bindings = [
        Binding::Read(&table),
        Binding::Read(&d),
        Binding::Write(&values),
    ];
    let blocks = table.len() / 4;
    gpu.dispatch(
        &ADVANCE,
        &bindings,
        &[blocks as u32, (by as f32).to_bits()],
        blocks,
    )
}

pub(super) fn turn(
    gpu: &Gpu,
    rule: &ConjugateGradient,
    store: &mut ParameterStore,
    gradients: &ParameterVector,
    rates: [f64; 2],
) -> Result<()> {
    let table = rule.rules.table();
    let (values, g) = (whole(store.values_mut()?), whole(gradients));
    let (d, before) = (whole(&rule.moments[0]), whole(&rule.moments[1]));
    let bindings = [
        Binding::Read(&table),
        Binding::Read(&g),
        Binding::Write(&values),
        Binding::Write(&d),
        Binding::Write(&before),
    ];
    let blocks = table.len() / 4;
    let [mix, by] = rates.map(|rate| (rate as f32).to_bits());
    gpu.dispatch(&TURN, &bindings, &[blocks as u32, mix, by], blocks)
}
