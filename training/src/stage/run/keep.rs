//! Checkpoints of a stage, and going on from them.

use super::super::state::{self, StageState};
use super::{KEEP, Stage};
use crate::checkpoint::{Checkpoint, Checkpoints};
use crate::error::{Result, TrainingError};
use crate::run_folder::{CheckpointName, Pointer};

impl Stage<'_, '_, '_> {
    /// A loss that has only ceased to decrease may be large all the same.
    pub(super) fn tell_convergence(&self) {
        let rule = self.options.convergence.as_ref();
        let smoothed = self.convergence.as_ref().and_then(|rule| rule.smoothed());
        let (Some(rule), Some(loss)) = (rule, smoothed) else {
            return;
        };
        let low = rule.loss_below.is_some_and(|bound| loss < bound);
        if !low && rule.plateau_max.is_none() {
            tracing::warn!(
                "{}: the loss has not decreased for {} updates and counts as converged, at {loss:.4}; \
                 how large it may be, nothing says (plateau_max)",
                self.options.name,
                rule.patience
            );
        }
    }

    pub(super) fn resume(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        let state = StageState::of(checkpoint)?;
        if let (Some(best), Some(storage)) = (&state.best, &self.session.storage) {
            // The best weights are in an earlier checkpoint, or in this one.
            let name = CheckpointName(best.step);
            let best = storage.checkpoints().load(name).map_err(|cause| {
                let path = storage.paths.checkpoint(name);
                let message = format!("it holds the best weights so far, start a new run: {cause}");
                TrainingError::damaged(&path, message)
            })?;
            self.best_weights = Some(self.weights_judged(&best)?);
        }
        if state.averaging {
            self.updater.start_average(self.objective)?;
        }
        state::restore(
            checkpoint,
            self.objective,
            &mut self.updater.optimizers,
            &state.updates,
        )?;
        self.objective.restore(&state.objective)?;
        let carried = state::carried(checkpoint);
        self.objective.restore_carried(state.step, carried)?;
        self.reductions = state.reductions;
        self.dev_losses = state.dev_losses;
        self.step = state.step;
        self.started_at = state.step;
        self.early_stopping = state.early_stopping;
        self.convergence = state.convergence;
        self.best = state.best;
        self.epoch = state.epoch;
        self.line = state.line;
        if let (Some(best), Some(storage)) = (&self.best, &self.session.storage) {
            storage
                .paths
                .set_pointer(Pointer::Best, CheckpointName(best.step))?;
        }
        Ok(())
    }

    pub(super) fn checkpoint(&mut self) -> Result<()> {
        let step = self.options.first_step + self.step;
        let state = StageState {
            stage: self.options.name.clone(),
            step: self.step,
            early_stopping: self.early_stopping.clone(),
            convergence: self.convergence.clone(),
            best: self.best.clone(),
            epoch: self.epoch.clone(),
            line: self.line.clone(),
            objective: self.objective.state(),
            reductions: self.reductions,
            dev_losses: self.dev_losses.clone(),
            averaging: self.updater.is_averaging(),
            updates: self.updater.updates(),
        };
        let Some(storage) = &self.session.storage else {
            return Ok(());
        };
        storage.metrics.sync()?;
        let checkpoints: Checkpoints = storage.checkpoints();
        checkpoints.write(&Checkpoint {
            step,
            fingerprint: storage.fingerprint.clone(),
            tensors: state::tensors(self.objective, &self.updater.optimizers)?,
            state: serde_json::to_value(state)
                .expect("the state holds only numbers, names and lists"),
        })?;
        // Prunes while `best` still names what the checkpoint before this one calls its best:
        // should this one be damaged, the run goes on from the one before, which needs it.
        checkpoints.prune(KEEP)?;
        match &self.best {
            Some(best) => storage
                .paths
                .set_pointer(Pointer::Best, CheckpointName(best.step)),
            None => Ok(()),
        }
    }
}
