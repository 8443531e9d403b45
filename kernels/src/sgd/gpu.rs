//! One dispatch for the whole store.

use limbeck_engine::{Binding, Gpu, Kernel, ParameterStore, ParameterVector, Result};

use super::Sgd;
use crate::ClipNorm;
use crate::shared::gpu::whole;
use crate::shared::wgsl;

pub(super) static PLAIN: Kernel = Kernel {
    name: "sgd::plain",
    source: &[wgsl::COMMON, wgsl::UPDATE, include_str!("plain.wgsl")],
    entry: "plain",
};

pub(super) static MOMENTUM: Kernel = Kernel {
    name: "sgd::momentum",
    source: &[wgsl::COMMON, wgsl::UPDATE, include_str!("momentum.wgsl")],
    entry: "momentum",
};

pub(super) fn update(
    gpu: &Gpu,
    sgd: &Sgd,
    store: &mut ParameterStore,
    gradients: &ParameterVector,
    norm: &ClipNorm,
    learning_rate: f64,
) -> Result<()> {
    let (table, state) = (sgd.rules.table(), norm.state());
    let (values, gradients) = (whole(store.values_mut()?), whole(gradients));
    let velocity = sgd.velocity.as_ref().map(|[v]| whole(v));
    let mut bindings = vec![
        Binding::Read(&table),
        Binding::Read(&state),
        Binding::Read(&gradients),
        Binding::Write(&values),
    ];
    bindings.extend(velocity.as_ref().map(Binding::Write));
    let kernel = if velocity.is_some() {
        &MOMENTUM
    } else {
        &PLAIN
    };
    let blocks = table.len() / 4;
    let parameters = [
        blocks as u32,
        (learning_rate as f32).to_bits(),
        (sgd.config.momentum as f32).to_bits(),
    ];
    gpu.dispatch(kernel, &bindings, &parameters, blocks)
}
