//! One update of the weights: the same code for training and for a rehearsal on shapes.

use std::sync::Arc;

use limbeck_engine::{Device, Error, ParameterVector, Profile, Tape, Tensor, Var};
use limbeck_losses::{Term, total};

use super::{MicroBatch, Objective, StageOptions};
use crate::error::Result;
use crate::optimizer::Optimizer;

/// A forward pass, and the tape to go back on.
pub(super) struct Forward {
    pub(super) tape: Tape,
    pub(super) terms: Vec<Term>,
    pub(super) loss: Var,
}

/// Which update is made, and how.
#[derive(Clone, Copy)]
pub(super) struct Update<'a> {
    pub(super) device: &'a Device,
    pub(super) seed: u64,
    /// From 0, within the stage.
    pub(super) step: u64,
    /// Parts that its samples are read in.
    pub(super) parts: usize,
    pub(super) learning_rate: f64,
    /// Gets what its operators cost, if there is one.
    pub(super) profile: Option<&'a Arc<Profile>>,
}

impl Update<'_> {
    /// The loss of a part of the update; none if the part has no samples.
    pub(super) fn forward(
        &self,
        objective: &dyn Objective,
        part: MicroBatch,
    ) -> Result<Option<Forward>> {
        // The stage's own count, so that a stage does not depend on how many went before it.
        let tape = Tape::training(self.device, self.seed, self.step as u32);
        if self.device.is_shapes() {
            tape.summarise();
        }
        if let Some(profile) = self.profile {
            tape.measure(profile);
        }
        let terms = objective.terms_of(&tape, self.step, part)?;
        if terms.is_empty() && !part.is_whole() {
            return Ok(None);
        }
        let loss = total(&tape, &terms)?;
        Ok(Some(Forward { tape, terms, loss }))
    }
}

/// What is read back of a part of an update: its terms, and last the loss.
pub(super) struct Values {
    /// Name, weight and share of every term.
    pub(super) terms: Vec<(&'static str, f32, f32)>,
    pub(super) tensors: Vec<Tensor>,
}

impl Values {
    fn of(terms: &[Term], loss: &Var) -> Self {
        let value = |term: &Term| term.value.tensor().clone();
        let tensors = terms.iter().map(value);
        Values {
            terms: terms.iter().map(|t| (t.name, t.weight, t.share)).collect(),
            tensors: tensors.chain([loss.tensor().clone()]).collect(),
        }
    }
}

/// Gradients and optimiser state of the stores of an objective.
pub(super) struct Updater {
    pub(super) gradients: Vec<ParameterVector>,
    pub(super) optimizers: Vec<Optimizer>,
}

impl Updater {
    pub(super) fn new(objective: &dyn Objective, options: &StageOptions) -> Result<Self> {
        let stores = objective.stores();
        let gradients = stores.iter().map(|store| store.zeros());
        let gradients = gradients.collect::<limbeck_engine::Result<_>>()?;
        let optimizer = |store: &&limbeck_engine::ParameterStore| {
            Optimizer::new(store, &options.optimizer, options.clip_norm)
        };
        Ok(Updater {
            gradients,
            optimizers: stores.iter().map(optimizer).collect::<Result<_>>()?,
        })
    }

    /// Makes an update: the gradients of its parts, added up, and the change of the weights.
    pub(super) fn update(
        &mut self,
        update: Update<'_>,
        objective: &mut dyn Objective,
    ) -> Result<Vec<Values>> {
        self.update_seen(update, objective, &mut |_| ())
    }

    /// [`Updater::update`]; `seen` looks at every forward pass before the way back.
    pub(super) fn update_seen(
        &mut self,
        update: Update<'_>,
        objective: &mut dyn Objective,
        seen: &mut dyn FnMut(&Forward),
    ) -> Result<Vec<Values>> {
        let trained = self.trains(objective, update.step);
        for (gradients, _) in self.gradients.iter_mut().zip(&trained).filter(|(_, t)| **t) {
            gradients.fill_zero()?;
        }
        let mut values = Vec::new();
        let mut unreached: Option<Vec<String>> = None;
        for part in MicroBatch::all(update.parts) {
            let Some(forward) = update.forward(objective, part)? else {
                continue;
            };
            seen(&forward);
            values.push(Values::of(&forward.terms, &forward.loss));
            let missing = self.backward(forward, objective, &trained)?;
            unreached = Some(match unreached {
                Some(names) => names.into_iter().filter(|n| missing.contains(n)).collect(),
                None => missing,
            });
        }
        let first_of_kind = update.step == 0 || self.trains(objective, update.step - 1) != trained;
        let missing = unreached.unwrap_or_default();
        if first_of_kind && !missing.is_empty() {
            return Err(Error::NoGradient(missing).into());
        }
        self.apply(objective, update.learning_rate, &trained)?;
        Ok(values)
    }

    /// Which stores an update trains.
    fn trains(&self, objective: &dyn Objective, step: u64) -> Vec<bool> {
        let trains = |store| objective.trains(store, step);
        (0..self.gradients.len()).map(trains).collect()
    }

    /// Goes back on the tape and adds the gradients; gives the names of parameters without one.
    fn backward(
        &mut self,
        Forward { tape, loss, terms }: Forward,
        objective: &dyn Objective,
        trained: &[bool],
    ) -> Result<Vec<String>> {
        drop(terms);
        let gradients = self.gradients.iter_mut().zip(trained);
        let mut into: Vec<_> = gradients.filter_map(|(g, t)| t.then_some(g)).collect();
        let unreached = tape.backward(&loss, &mut into)?;
        match unreached.refuse(&objective.stores()) {
            Err(Error::NoGradient(names)) => Ok(names),
            other => Ok(other.map(|()| Vec::new())?),
        }
    }

    /// Changes the weights.
    fn apply(
        &mut self,
        objective: &mut dyn Objective,
        learning_rate: f64,
        trained: &[bool],
    ) -> Result<()> {
        let stores = objective.stores_mut().into_iter();
        let optimizers = self.optimizers.iter_mut();
        let all = stores.zip(&self.gradients).zip(optimizers).zip(trained);
        for (((store, gradients), optimizer), trained) in all {
            if *trained {
                optimizer.update(store, gradients, learning_rate)?;
            }
        }
        Ok(())
    }

    /// Begins to average the values after each update.
    pub(super) fn start_average(&mut self, objective: &dyn Objective) -> Result<()> {
        let stores = objective.stores().into_iter();
        let mut pairs = stores.zip(&mut self.optimizers);
        pairs.try_for_each(|(store, optimizer)| optimizer.start_average(store))
    }

    /// Whether the values are averaged.
    pub(super) fn is_averaging(&self) -> bool {
        self.optimizers.iter().any(Optimizer::is_averaging)
    }

    /// The averages of the values, a vector for each store; none where there are none.
    pub(super) fn averages(
        &self,
        objective: &dyn Objective,
    ) -> Result<Vec<Option<ParameterVector>>> {
        let stores = objective.stores().into_iter();
        let pairs = stores.zip(&self.optimizers);
        pairs
            .map(|(store, optimizer)| optimizer.average(store))
            .collect()
    }

    /// The gradients to come are those of another function.
    pub(super) fn restart(&mut self) {
        self.optimizers.iter_mut().for_each(Optimizer::restart);
    }

    /// Whether no optimiser has anything left to gain.
    pub(super) fn has_converged(&self) -> bool {
        self.optimizers.iter().all(Optimizer::has_converged)
    }

    /// The largest gradient, as a share of the first one, of optimisers with a tolerance.
    pub(super) fn relative_norm(&self) -> Option<f64> {
        let norms = self.optimizers.iter().filter_map(Optimizer::relative_norm);
        norms.max_by(f64::total_cmp)
    }

    /// Updates that each optimiser has made.
    pub(super) fn updates(&self) -> Vec<u64> {
        self.optimizers.iter().map(Optimizer::updates).collect()
    }
}
