//! One dispatch for the whole store.

use limbeck_engine::{Binding, Gpu, Kernel, ParameterStore, ParameterVector, Result};

use super::{AdamW, Rates};
use crate::ClipNorm;
use crate::shared::gpu::whole;
use crate::shared::wgsl;

pub(super) static UPDATE: Kernel = Kernel {
    name: "adamw::update",
    source: &[wgsl::COMMON, wgsl::UPDATE, include_str!("update.wgsl")],
    entry: "update",
};

pub(super) fn update(
    gpu: &Gpu,
    adamw: &AdamW,
    store: &mut ParameterStore,
    gradients: &ParameterVector,
    norm: &ClipNorm,
    rates: Rates,
) -> Result<()> {
    let (table, state) = (adamw.rules.table(), norm.state());
    let (values, gradients) = (whole(store.values_mut()?), whole(gradients));
    let [m, v] = adamw.moments.each_ref().map(whole);
    let bindings = [
        Binding::Read(&table),
        Binding::Read(&state),
        Binding::Read(&gradients),
        Binding::Write(&values),
        Binding::Write(&m),
        Binding::Write(&v),
    ];
    let [b1, b2] = rates.betas;
    let scalars = [
        b1,
        1.0 - b1,
        b2,
        1.0 - b2,
        rates.epsilon,
        rates.correction,
        rates.decay,
        rates.size,
    ];
    let blocks = table.len() / 4;
    let mut parameters = vec![blocks as u32];
    parameters.extend(scalars.map(|scalar| (scalar as f32).to_bits()));
    gpu.dispatch(&UPDATE, &bindings, &parameters, blocks)
}
