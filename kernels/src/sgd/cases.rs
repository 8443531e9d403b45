//! The cases of the update: stores of awkward sizes, rows of a table, averages.

use limbeck_engine::{Device, Result, StoreBuilder, Tape, Tensor};

use super::{Sgd, SgdConfig};
use crate::harness::{Case, InPlace, Scenario};
use crate::{ClipNorm, Normaliser, add, half_squared_norm, weighted_mean};

/// Some updates of a store.
#[derive(Debug)]
struct Updates(SgdConfig, Scenario);

impl InPlace for Updates {
    fn run(&self, device: &Device) -> Result<Vec<Vec<f64>>> {
        let mut run = self.1.start(device)?;
        let mut sgd = Sgd::new(&run.store, self.0)?;
        for step in 0..Scenario::STEPS {
            run.measure(step)?;
            sgd.step(&mut run.store, &run.gradients, &run.clip, 0.1)?;
        }
        run.numbers(&sgd.moments())
    }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for momentum in [0.0, 0.9] {
        for scenario in Scenario::table() {
            let config = SgdConfig {
                momentum,
                weight_decay: 0.2,
            };
            let name = format!("momentum {momentum}, {}", scenario.name);
            cases.push(Case::in_place(name, Updates(config, scenario)));
        }
    }
    for (max_norm, averaged) in [(None, false), (Some(0.5), false), (Some(0.5), true)] {
        let name = format!("rows of a table, clipped at {max_norm:?}, averaged {averaged}");
        cases.push(Case::in_place(name, RowUpdates { max_norm, averaged }));
    }
    for scenario in Scenario::table() {
        let name = format!("averaged, {}", scenario.name);
        cases.push(Case::in_place(name, Averaged(scenario)));
    }
    cases
}

/// Updates of a row-sparse table that reaches beyond a block, beside a dense slice.
#[derive(Debug)]
struct RowUpdates {
    max_norm: Option<f32>,
    averaged: bool,
}

impl InPlace for RowUpdates {
    fn run(&self, device: &Device) -> Result<Vec<Vec<f64>>> {
        let mut builder = StoreBuilder::new(3);
        let table = builder.normal("table", [90, 7], 1.0);
        let dense = builder.normal("dense", [300, 1], 1.0);
        let mut store = builder.build(device)?;
        let record = &mut store.records_mut()[table.index()];
        (record.row_sparse, record.learning_rate_scale) = (true, 0.5);
        let (config, max_norm) = (PLAIN, self.max_norm);
        let mut sgd = Sgd::new(&store, config)?;
        if self.averaged {
            sgd.start_average(&store)?;
        }
        let mut clip = ClipNorm::new(&store, max_norm)?;
        let mut gradients = store.zeros()?;
        for ids in [&[3, 4, 89][..], &[], &[0, 3, 50, 51, 52]] {
            let tape = Tape::deterministic(device);
            let rows = tape.parameter_rows(&store, table, ids)?;
            let dense = tape.parameter(&store, dense);
            let sum = |x| {
                let rows = half_squared_norm(&tape, x)?;
                weighted_mean(&tape, &rows, None, Normaliser::Count(1.0))
            };
            let loss = add(&tape, &sum(&rows)?, &sum(&dense)?)?;
            gradients.fill_zero()?;
            tape.backward(&loss, &mut [&mut gradients])?
                .refuse(&[&store])?;
            clip.measure(&gradients)?;
            sgd.step(&mut store, &gradients, &clip, 0.1)?;
        }
        let mean = sgd.average(&store)?;
        let vectors = [Some(store.values()), mean.as_ref()];
        let slices = vectors.iter().flatten().flat_map(|v| v.slices());
        slices.flatten().map(Tensor::read_f64).collect()
    }
}

/// Some updates of a store, and the average of its values.
#[derive(Debug)]
struct Averaged(Scenario);

impl InPlace for Averaged {
    fn run(&self, device: &Device) -> Result<Vec<Vec<f64>>> {
        let mut run = self.0.start(device)?;
        let config = SgdConfig {
            weight_decay: 0.2,
            ..PLAIN
        };
        let mut sgd = Sgd::new(&run.store, config)?;
        for step in 0..Scenario::STEPS {
            if step == 1 {
                sgd.start_average(&run.store)?;
            }
            run.measure(step)?;
            sgd.step(&mut run.store, &run.gradients, &run.clip, 0.1)?;
        }
        let mean = sgd.average(&run.store)?;
        run.numbers(&mean.iter().collect::<Vec<_>>())
    }
}

/// Without momentum and decay.
const PLAIN: SgdConfig = SgdConfig {
    momentum: 0.0,
    weight_decay: 0.0,
};
