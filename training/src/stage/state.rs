//! What a checkpoint of a stage holds, and taking it back.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::log::Sums;
use super::{DevScore, Objective};
use crate::checkpoint::Checkpoint;
use crate::convergence::Convergence;
use crate::early_stopping::EarlyStopping;
use crate::error::{Result, TrainingError};
use crate::optimizer::Optimizer;
use crate::tensors::{HostTensor, Tensors, Values};

/// The small part of a checkpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct StageState {
    /// The stage it belongs to.
    pub(super) stage: String,
    /// Updates of the stage that are done.
    pub(super) step: u64,
    pub(super) early_stopping: EarlyStopping,
    pub(super) best: Option<Best>,
    pub(super) epoch: Sums,
    pub(super) line: Sums,
    pub(super) objective: Value,
    /// Evaluations after which the learning rate was lowered.
    #[serde(default)]
    pub(super) reductions: u32,
    /// The losses on dev so far, for averaging that begins where they rise again.
    #[serde(default)]
    pub(super) dev_losses: Vec<f64>,
    /// Whether the values are averaged.
    #[serde(default)]
    pub(super) averaging: bool,
    /// What the rule of convergence has seen, where there is one.
    #[serde(default)]
    pub(super) convergence: Option<Convergence>,
    /// Updates that each optimiser has made.
    pub(super) updates: Vec<u64>,
}

impl StageState {
    /// The state in a checkpoint.
    pub(super) fn of(checkpoint: &Checkpoint) -> Result<Self> {
        serde_json::from_value(checkpoint.state.clone()).map_err(|error| {
            TrainingError::Configuration(format!("the checkpoint's state: {error}"))
        })
    }
}

/// The best evaluation so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Best {
    /// Its update, counted over the run: the checkpoint that holds its weights.
    pub(super) step: u64,
    pub(super) metric: f64,
    pub(super) loss: f64,
    pub(super) figures: Vec<(String, f64)>,
}

impl Best {
    pub(super) fn new(step: u64, score: &DevScore) -> Self {
        let figures = score
            .figures
            .iter()
            .map(|(name, value)| (name.to_string(), *value));
        Best {
            step,
            metric: score.metric,
            loss: score.loss,
            figures: figures.collect(),
        }
    }
}

/// Weights, optimiser state and what the objective carries, under names.
pub(super) fn tensors(objective: &dyn Objective, optimizers: &[Optimizer]) -> Result<Tensors> {
    let mut tensors = Tensors::new();
    for (number, carried) in objective.carried()?.into_iter().enumerate() {
        let tensor = HostTensor::new(&[carried.len()], Values::F32(carried))?;
        tensors.insert(format!("carried/{number}"), tensor);
    }
    for (number, (store, optimizer)) in objective.stores().iter().zip(optimizers).enumerate() {
        for (name, shape, values) in store.read()? {
            let tensor = HostTensor::new(shape.dims(), Values::F32(values))?;
            tensors.insert(format!("{number}/weights/{name}"), tensor);
        }
        for (moment, slices) in optimizer.read()?.into_iter().enumerate() {
            for (record, values) in store.records().iter().zip(slices) {
                let tensor = HostTensor::new(&[values.len()], Values::F32(values))?;
                tensors.insert(format!("{number}/moment {moment}/{}", record.name), tensor);
            }
        }
        let scalars = optimizer.scalars();
        if !scalars.is_empty() {
            let tensor = HostTensor::new(&[scalars.len()], Values::F64(scalars))?;
            tensors.insert(format!("{number}/scalars"), tensor);
        }
    }
    Ok(tensors)
}

/// Overwrites weights and optimiser state with a checkpoint's.
pub(super) fn restore(
    checkpoint: &Checkpoint,
    objective: &mut dyn Objective,
    optimizers: &mut [Optimizer],
    updates: &[u64],
) -> Result<()> {
    load_weights(checkpoint, objective)?;
    for (number, (store, optimizer)) in objective.stores().iter().zip(optimizers).enumerate() {
        let moments = optimizer.moments();
        let mut all = Vec::with_capacity(moments);
        for moment in 0..moments {
            let slice =
                |name: &str| values(checkpoint, &format!("{number}/moment {moment}/{name}"));
            let slices = store.records().iter().map(|record| slice(&record.name));
            all.push(slices.collect::<Result<Vec<_>>>()?);
        }
        let made = updates.get(number).copied().unwrap_or(0);
        let scalars = checkpoint.tensors.get(&format!("{number}/scalars"));
        let scalars = match scalars.map(HostTensor::values) {
            Some(Values::F64(scalars)) => scalars.as_slice(),
            _ => &[],
        };
        optimizer.restore(&all, scalars, made)?;
    }
    Ok(())
}

/// What the objective carried when the checkpoint was written.
pub(super) fn carried(checkpoint: &Checkpoint) -> Vec<Vec<f32>> {
    let numbered = |number| checkpoint.tensors.get(&format!("carried/{number}"));
    let tensors = (0..).map_while(numbered);
    let values = tensors.filter_map(HostTensor::as_f32);
    values.map(<[f32]>::to_vec).collect()
}

/// Overwrites only the weights.
pub(super) fn load_weights(checkpoint: &Checkpoint, objective: &mut dyn Objective) -> Result<()> {
    for (number, store) in objective.stores_mut().into_iter().enumerate() {
        let prefix = format!("{number}/weights/");
        let mut named = HashMap::new();
        for (name, tensor) in &checkpoint.tensors {
            if let Some((name, values)) = name.strip_prefix(&prefix).zip(tensor.as_f32()) {
                named.insert(name.to_string(), values.to_vec());
            }
        }
        store.load(&named)?;
    }
    Ok(())
}

fn values(checkpoint: &Checkpoint, name: &str) -> Result<Vec<f32>> {
    let found = checkpoint.tensors.get(name).and_then(HostTensor::as_f32);
    found.map(<[f32]>::to_vec).ok_or_else(|| {
        TrainingError::Configuration(format!(
            "the checkpoint of step {} has no \"{name}\": it belongs to another configuration",
            checkpoint.step
        ))
    })
}
