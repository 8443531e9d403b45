//! One update of the weights: the same code for training and for a rehearsal on shapes.

use std::sync::Arc;

use limbeck_engine::{Device, ParameterVector, Profile, Tape, Var};
use limbeck_losses::{Term, total};

use super::{Objective, StageOptions};
use crate::error::Result;
use crate::optimizer::Optimizer;

/// A forward pass, and the tape to go back on.
pub(super) struct Forward {
    pub(super) tape: Tape,
    pub(super) terms: Vec<Term>,
    pub(super) loss: Var,
}

impl Forward {
    /// The loss of update `step` (from 0) of the stage; the profile, if there is one, gets what its
    /// operators cost.
    pub(super) fn run(
        device: &Device,
        seed: u64,
        objective: &dyn Objective,
        step: u64,
        profile: Option<&Arc<Profile>>,
    ) -> Result<Self> {
        // The stage's own count, so that a stage does not depend on how many went before it.
        let tape = Tape::training(device, seed, step as u32);
        if device.is_shapes() {
            tape.summarise();
        }
        if let Some(profile) = profile {
            tape.measure(profile);
        }
        let terms = objective.terms(&tape, step)?;
        let loss = total(&tape, &terms)?;
        Ok(Forward { tape, terms, loss })
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

    /// Goes back on the tape and changes the weights.
    pub(super) fn backward(
        &mut self,
        tape: Tape,
        loss: &Var,
        objective: &mut dyn Objective,
        learning_rate: f64,
        step: u64,
    ) -> Result<()> {
        let count = self.gradients.len();
        let trains = |step: u64| -> Vec<bool> {
            let trains = |store| objective.trains(store, step);
            (0..count).map(trains).collect()
        };
        let trained_now = trains(step);
        let of_a_kind = step > 0 && trains(step - 1) == trained_now;
        let mut into = Vec::new();
        for (gradients, trained) in self.gradients.iter_mut().zip(&trained_now) {
            if *trained {
                gradients.fill_zero()?;
                into.push(gradients);
            }
        }
        let unreached = tape.backward(loss, &mut into)?;
        if !of_a_kind {
            unreached.refuse(&objective.stores())?;
        }
        let stores = objective.stores_mut().into_iter();
        let optimizers = self.optimizers.iter_mut();
        let all = stores.zip(&self.gradients).zip(optimizers).zip(trained_now);
        for (((store, gradients), optimizer), trained) in all {
            if trained {
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
