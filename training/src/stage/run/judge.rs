//! Evaluations on dev, and what follows from them.

use limbeck_engine::ParameterVector;

use super::super::state::{self, Best, StageState};
use super::super::{Averaging, Objective};
use super::Stage;
use crate::checkpoint::Checkpoint;
use crate::early_stopping::Verdict;
use crate::error::Result;

impl Stage<'_, '_, '_> {
    /// Judges the values, or their averages where there are any.
    pub(super) fn evaluate(&mut self) -> Result<Verdict> {
        let mut averages = self.updater.averages(self.objective)?;
        exchange(self.objective, &mut averages)?;
        let verdict = self.judge();
        exchange(self.objective, &mut averages)?;
        verdict
    }

    fn judge(&mut self) -> Result<Verdict> {
        let Some(score) = self.objective.evaluate()? else {
            return Ok(Verdict::Continue);
        };
        let figures = score
            .figures
            .iter()
            .map(|(name, value)| (name.to_string(), *value));
        self.record("dev", figures.collect())?;
        let step = self.options.first_step + self.step;
        let verdict = self.early_stopping.observe(step, score.metric, score.loss);
        if verdict == Verdict::Improved {
            self.best = Some(Best::new(step, &score));
            self.best_weights = Some(self.read_weights()?);
        } else if !self.updater.is_averaging() {
            self.reductions += 1;
        }
        if self.rises_again(score.loss) {
            self.updater.start_average(self.objective)?;
        }
        self.dev_losses.push(score.loss);
        tracing::debug!(
            "{} step {}: dev {:?}",
            self.options.name,
            self.step,
            score.figures
        );
        Ok(verdict)
    }

    /// The learning rate of update `step`: lowered by every evaluation that was no improvement, if so
    /// asked for.
    pub(super) fn learning_rate(&self, step: u64) -> f64 {
        let factor = self.options.plateau.unwrap_or(1.0);
        let lowered = factor.powi(self.reductions as i32);
        self.options.learning_rate * self.options.schedule.multiplier(step) * lowered
    }

    /// The weights that were judged when a checkpoint was written: its averages, where it has any.
    /// Weights and optimisers are left as they were then.
    pub(super) fn weights_judged(&mut self, checkpoint: &Checkpoint) -> Result<Vec<Vec<Vec<f32>>>> {
        let state = StageState::of(checkpoint)?;
        if !state.averaging {
            state::load_weights(checkpoint, self.objective)?;
            return self.read_weights();
        }
        self.updater.start_average(self.objective)?;
        let optimizers = &mut self.updater.optimizers;
        state::restore(checkpoint, self.objective, optimizers, &state.updates)?;
        let mut averages = self.updater.averages(self.objective)?;
        exchange(self.objective, &mut averages)?;
        let weights = self.read_weights();
        exchange(self.objective, &mut averages)?;
        weights
    }

    /// Whether this loss on dev is where averaging begins.
    fn rises_again(&self, loss: f64) -> bool {
        let Averaging::NonMonotone(interval) = self.options.averaging else {
            return false;
        };
        let earlier = self.dev_losses.len().saturating_sub(interval);
        let best = self.dev_losses[..earlier].iter().copied();
        !self.updater.is_averaging() && loss > best.fold(f64::INFINITY, f64::min)
    }
}

/// Puts averages in the place of the values, or back; nothing where there are none.
fn exchange(objective: &mut dyn Objective, averages: &mut [Option<ParameterVector>]) -> Result<()> {
    for (store, average) in objective.stores_mut().into_iter().zip(averages) {
        if let Some(average) = average {
            store.exchange(average)?;
        }
    }
    Ok(())
}
