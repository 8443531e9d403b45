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

static ROWS: Kernel = Kernel {
    name: "sgd::rows",
    source: &[wgsl::COMMON, include_str!("rows.wgsl")],
    entry: "rows",
};

static AVERAGED: Kernel = Kernel {
    name: "sgd::averaged",
    source: &[wgsl::COMMON, wgsl::UPDATE, include_str!("averaged.wgsl")],
    entry: "averaged",
};

static ROWS_AVERAGED: Kernel = Kernel {
    name: "sgd::rows_averaged",
    source: &[wgsl::COMMON, include_str!("rows_averaged.wgsl")],
    entry: "rows_averaged",
};

static MEAN: Kernel = Kernel {
    name: "sgd::mean",
    source: &[wgsl::COMMON, include_str!("mean.wgsl")],
    entry: "mean",
};

pub(super) static KERNELS: [&Kernel; 6] =
    [&PLAIN, &MOMENTUM, &ROWS, &AVERAGED, &ROWS_AVERAGED, &MEAN];

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
    let sums = sgd.average.as_ref().map(|average| whole(&average.sums[0]));
    let mut bindings = vec![
        Binding::Read(&table),
        Binding::Read(&state),
        Binding::Read(&gradients),
        Binding::Write(&values),
    ];
    bindings.extend(velocity.iter().chain(&sums).map(Binding::Write));
    let (kernel, number) = match (&velocity, &sgd.average) {
        (Some(_), _) => (&MOMENTUM, sgd.config.momentum as f32),
        (None, None) => (&PLAIN, 0.0),
        (None, Some(average)) => (&AVERAGED, (average.updates - 1) as f32),
    };
    let blocks = table.len() / 4;
    let parameters = [
        blocks as u32,
        (learning_rate as f32).to_bits(),
        number.to_bits(),
    ];
    gpu.dispatch(kernel, &bindings, &parameters, blocks)?;
    update_rows(gpu, sgd, store, rows, norm, learning_rate)
}

/// `mean = values + share sums`.
pub(super) fn mean(
    gpu: &Gpu,
    values: &ParameterVector,
    sums: &ParameterVector,
    mean: &ParameterVector,
    share: f64,
) -> Result<()> {
    let [values, sums, mean] = [values, sums, mean].map(whole);
    let bindings = [
        Binding::Read(&values),
        Binding::Read(&sums),
        Binding::Write(&mean),
    ];
    let parameters = [mean.len() as u32, (share as f32).to_bits()];
    gpu.dispatch(&MEAN, &bindings, &parameters, elementwise(mean.len()))
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
        let mut bindings = vec![
            Binding::Read(&state),
            Binding::Read(&ids),
            Binding::Read(&gradients),
            Binding::Write(&values),
        ];
        let average = sgd.average.as_ref();
        let sums = average.and_then(|a| a.sums[0].slices()[slice].as_ref()?.gpu_slice());
        bindings.extend(sums.as_ref().map(Binding::Write));
        let (kernel, before) = match average {
            None => (&ROWS, 0.0),
            Some(average) => (&ROWS_AVERAGED, (average.updates - 1) as f32),
        };
        let parameters = [
            parameters[0],
            parameters[1],
            parameters[2],
            before.to_bits(),
        ];
        gpu.dispatch(kernel, &bindings, &parameters, elementwise(gradients.len()))?;
    }
    Ok(())
}
