//! The first updates of a workload with all that another program needs to repeat them.

use limbeck_engine::{Device, ParameterStore};
use limbeck_training::tensors::{HostTensor, Tensors, Values};
use limbeck_training::{Result, TrainingError};

use super::{Bench, Changes, Subject, Work, Workload};

/// The losses of the first updates, from which weights and over which batches.
///
/// Dropout is off, since no other program has our random numbers. Everything else is the workload's:
/// model, loss, optimiser, learning rate. `benches/verify.py` makes the same updates with PyTorch.
#[derive(Clone, Debug)]
pub struct Trajectory {
    /// What the updates are of.
    pub workload: Workload,
    /// `parameters.NAME`, the weights before the first update, and of the update with number N
    /// `batches.N.tokens` `[texts, length]` and `batches.N.labels`; of `w2` `batches.N.documents` and
    /// the adjacency, in rows (`offsets`, `sources`, `weights`); of a language model
    /// `batches.N.inputs` and `batches.N.targets` `[steps, columns]`, and `batches.N.noise`.
    pub tensors: Tensors,
    /// The loss before each update.
    pub losses: Vec<f64>,
}

impl Trajectory {
    /// Makes a model and so many updates.
    ///
    /// # Errors
    /// If the workload has no updates, or as [`Bench::new`] and [`Bench::run`].
    pub fn of(
        workload: Workload,
        changes: Changes,
        device: &Device,
        updates: usize,
    ) -> Result<Self> {
        if workload.work != Work::Train {
            let message = format!("{workload} predicts: there are no updates to repeat");
            return Err(TrainingError::Data(message));
        }
        let changes = Changes {
            dropout: Some(0.0),
            ..changes
        };
        let mut bench = Bench::new(workload, changes, device)?;
        let mut record = Record::default();
        match &bench.subject {
            Subject::Classifier(bench) => bench.record(updates, &mut record)?,
            Subject::Language(bench) => bench.record(updates, &mut record)?,
        }
        if let Some(graph) = workload.graph(changes) {
            record.list("adjacency.offsets", graph.offsets)?;
            record.list("adjacency.sources", graph.sources)?;
            let entries = [graph.weights.len()];
            record.add("adjacency.weights", &entries, Values::F32(graph.weights))?;
        }
        let losses = (0..updates).map(|_| bench.run()).collect::<Result<_>>()?;
        Ok(Self {
            workload,
            tensors: record.tensors,
            losses,
        })
    }
}

/// Tensors as they are collected.
#[derive(Default)]
pub(super) struct Record {
    tensors: Tensors,
}

impl Record {
    pub(super) fn parameters(&mut self, store: &ParameterStore) -> Result<()> {
        for (name, shape, values) in store.read()? {
            let name = format!("parameters.{name}");
            self.add(&name, shape.dims(), Values::F32(values))?;
        }
        Ok(())
    }

    pub(super) fn list(&mut self, name: &str, values: Vec<u32>) -> Result<()> {
        self.add(name, &[values.len()], Values::U32(values))
    }

    pub(super) fn add(&mut self, name: &str, shape: &[usize], values: Values) -> Result<()> {
        let tensor = HostTensor::new(shape, values)?;
        self.tensors.insert(name.into(), tensor);
        Ok(())
    }
}
