//! One dispatch for the whole store, and one for the rows of each row-sparse parameter.

use limbeck_engine::{
    Binding, Gpu, Kernel, ParameterStore, ParameterVector, Result, RowGradient, Tensor,
};

use super::Sgd;
use crate::ClipNorm;
use crate::shared::gpu::{elementwise, whole};
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

pub(super) static ROWS: Kernel = Kernel {
    name: "sgd::rows",
    source: &[wgsl::COMMON, include_str!("rows.wgsl")],
    entry: "rows",
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
    let rows = gradients.rows();
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
    gpu.dispatch(kernel, &bindings, &parameters, blocks)?;
    update_rows(gpu, sgd, store, rows, norm, learning_rate)
}

fn update_rows(
    gpu: &Gpu,
    sgd: &Sgd,
    store: &ParameterStore,
    rows: &[Option<RowGradient>],
    norm: &ClipNorm,
    learning_rate: f64,
) -> Result<()> {
    let slices = store.values().slices().iter().zip(rows).enumerate();
    for (slice, (values, rows)) in slices {
        let (Some(values), Some(rows)) = (values, rows) else {
            continue;
        };
        let [values, ids, gradients] = [values, &rows.ids, &rows.values].map(Tensor::gpu_slice);
        let (Some(values), Some(ids), Some(gradients)) = (values, ids, gradients) else {
            continue;
        };
        let rate = learning_rate * f64::from(sgd.rules.slices[slice].scale);
        let parameters = [
            gradients.len() as u32,
            rows.values.shape().columns() as u32,
            (rate as f32).to_bits(),
        ];
        let state = norm.state();
        let bindings = [
            Binding::Read(&state),
            Binding::Read(&ids),
            Binding::Read(&gradients),
            Binding::Write(&values),
        ];
        let groups = elementwise(gradients.len());
        gpu.dispatch(&ROWS, &bindings, &parameters, groups)?;
    }
    Ok(())
}
