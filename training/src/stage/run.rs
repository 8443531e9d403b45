//! The loop.

mod judge;
mod keep;

use limbeck_engine::Tensor;

use super::diverged::explain;
use super::log::Sums;
use super::parts::{self, Parts};
use super::state::Best;
use super::update::{Update, Updater, Values};
use super::{Averaging, DevScore, Objective, READ_TOGETHER, Session, StageOptions, StageReport};
use crate::checkpoint::Checkpoint;
use crate::convergence::Convergence;
use crate::early_stopping::{EarlyStopping, Verdict};
use crate::error::{Result, TrainingError};
use crate::progress::Progress;
use crate::run_folder::MetricRecord;

/// Lines of training losses in the log of a stage.
const LOG_LINES: u64 = 200;
/// Checkpoints kept besides the best.
const KEEP: usize = 2;

/// Trains one stage to its end. With a checkpoint of this stage, goes on from there.
///
/// # Errors
/// [`TrainingError::Interrupted`] after Ctrl-C (a checkpoint is written),
/// [`TrainingError::Diverged`] for a value that is not finite, and those of files and devices.
pub fn run_stage(
    session: &mut Session<'_>,
    options: &StageOptions,
    objective: &mut dyn Objective,
    resume: Option<&Checkpoint>,
) -> Result<StageReport> {
    let mut stage = Stage::new(session, options, objective)?;
    if let Some(checkpoint) = resume {
        stage.resume(checkpoint)?;
    }
    while stage.step < options.steps && !stage.is_over() {
        if stage.session.interrupt.is_requested() {
            stage.drain()?;
            stage.checkpoint()?;
            let step = options.first_step + stage.step;
            return Err(TrainingError::Interrupted { step });
        }
        stage.update()?;
        stage.after_update()?;
    }
    stage.finish()
}

/// What is read back of a step.
struct Pending {
    step: u64,
    parts: Vec<Values>,
}

impl Pending {
    fn tensors(&self) -> impl Iterator<Item = &Tensor> {
        self.parts.iter().flat_map(|part| &part.tensors)
    }

    /// Each term's name, weight and value over all samples, and last the loss.
    fn join(&self, read: &mut impl Iterator<Item = f64>) -> (Vec<(&'static str, f32, f64)>, f64) {
        let mut terms: Vec<(&'static str, f32, f64)> = Vec::new();
        let mut loss = 0.0;
        for part in &self.parts {
            for &(name, weight, share) in &part.terms {
                let value = read.next().unwrap_or(f64::NAN) * f64::from(share);
                match terms.iter_mut().find(|(known, ..)| *known == name) {
                    Some((.., sum)) => *sum += value,
                    None => terms.push((name, weight, value)),
                }
            }
            loss += read.next().unwrap_or(f64::NAN);
        }
        (terms, loss)
    }
}

struct Stage<'s, 'd, 'o> {
    session: &'s mut Session<'d>,
    options: &'o StageOptions,
    objective: &'o mut dyn Objective,
    updater: Updater,
    early_stopping: EarlyStopping,
    convergence: Option<Convergence>,
    best: Option<Best>,
    best_weights: Option<Vec<Vec<Vec<f32>>>>,
    /// Evaluations after which the learning rate was lowered.
    reductions: u32,
    /// The losses on dev so far.
    dev_losses: Vec<f64>,
    /// Updates done.
    step: u64,
    /// Of these, not made by this process: before it began, or left out.
    started_at: u64,
    parts: Parts,
    pending: Vec<Pending>,
    epoch: Sums,
    line: Sums,
    progress: Progress,
}

impl<'s, 'd, 'o> Stage<'s, 'd, 'o> {
    fn new(
        session: &'s mut Session<'d>,
        options: &'o StageOptions,
        objective: &'o mut dyn Objective,
    ) -> Result<Self> {
        let updater = Updater::new(objective, options)?;
        let progress = Progress::new(&options.name, options.steps, session.display);
        Ok(Stage {
            early_stopping: EarlyStopping::new(options.patience),
            convergence: options.convergence.map(Convergence::new),
            session,
            options,
            objective,
            updater,
            best: None,
            best_weights: None,
            reductions: 0,
            dev_losses: Vec::new(),
            step: 0,
            started_at: 0,
            parts: Parts::default(),
            pending: Vec::new(),
            epoch: Sums::default(),
            line: Sums::default(),
            progress,
        })
    }

    /// One update of the weights.
    fn update(&mut self) -> Result<()> {
        if self.options.averaging == Averaging::After(self.step) {
            self.updater.start_average(self.objective)?;
        }
        self.parts
            .begin(self.step, self.objective, &mut self.updater);
        let update = Update {
            device: self.session.device,
            seed: self.session.seed,
            step: self.step,
            parts: self.options.accumulate,
            learning_rate: self.learning_rate(self.step),
            profile: None,
        };
        let parts = self.updater.update(update, self.objective)?;
        // A GPU works on this step while the host prepares the next.
        self.session.device.flush()?;
        self.pending.push(Pending {
            step: self.step,
            parts,
        });
        let done = self.step + 1;
        self.step = parts::after(done, self.objective, &self.updater, self.options);
        self.started_at += self.step - done;
        Ok(())
    }

    /// Whether there is no reason to go on.
    fn is_over(&self) -> bool {
        self.early_stopping.is_exhausted() || self.has_converged()
    }

    /// Whether the rule of convergence is met, at an update at which it is asked.
    fn has_converged(&self) -> bool {
        let asked = self.step.is_multiple_of(READ_TOGETHER as u64);
        asked && self.convergence.as_ref().is_some_and(Convergence::is_met)
    }

    /// Reads losses, evaluates, logs and writes checkpoints where they are due.
    fn after_update(&mut self) -> Result<()> {
        if self.convergence.is_some() && self.step.is_multiple_of(READ_TOGETHER as u64) {
            self.drain()?;
        }
        let due = |every: u64| every > 0 && self.step.is_multiple_of(every);
        let last = self.step == self.options.steps || self.has_converged();
        let evaluate = due(self.options.evaluate_every) || last;
        let write = due(self.options.checkpoint_every) || last;
        let epoch_end = due(self.objective.steps_per_epoch());
        let part_end = self.objective.part_steps().is_some_and(due);
        let line = due((self.options.steps / LOG_LINES).max(1)) || part_end;
        let together = if self.session.device.adapter().is_some() {
            READ_TOGETHER
        } else {
            1
        };
        if self.pending.len() >= together || evaluate || write || epoch_end || line {
            self.drain()?;
        }
        if line || last {
            self.log_line()?;
        }
        if epoch_end {
            self.end_epoch()?;
        }
        let verdict = if evaluate {
            self.evaluate()?
        } else {
            Verdict::Continue
        };
        if verdict == Verdict::Stop {
            self.log_line()?;
        }
        if write || verdict != Verdict::Continue {
            self.checkpoint()?;
        }
        Ok(())
    }

    /// Reads the losses of the pending steps, and the flags that say whether all was finite.
    fn drain(&mut self) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let tensors: Vec<&Tensor> = self.pending.iter().flat_map(Pending::tensors).collect();
        let read = self.session.device.read_many(&tensors)?;
        if let Some(step) = self.failed_step(&read)? {
            let (device, seed) = (self.session.device, self.session.seed);
            let first = self.options.first_step;
            let step = (step, self.options.accumulate);
            return Err(explain(device, seed, first, self.objective, step)?);
        }
        let mut read = read.into_iter().flatten().map(f64::from);
        for pending in std::mem::take(&mut self.pending) {
            let mut shown = Vec::new();
            let (terms, loss) = pending.join(&mut read);
            for (name, weight, value) in terms {
                shown.push((name, value));
                let weighted = (format!("{name}_weighted"), value * f64::from(weight));
                for sums in [&mut self.epoch, &mut self.line] {
                    sums.add(name, value);
                    sums.add(&weighted.0, weighted.1);
                }
            }
            if let Some(rule) = &mut self.convergence {
                rule.observe(loss);
            }
            self.epoch.add("loss", loss);
            self.line.add("loss", loss);
            shown.insert(0, ("loss", loss));
            let tokens = self.objective.tokens(pending.step);
            self.progress.step(pending.step + 1, tokens, &shown);
        }
        Ok(())
    }

    /// The first of the pending steps that computed something that is not finite, if one did.
    fn failed_step(&self, read: &[Vec<f32>]) -> Result<Option<u64>> {
        let mut failed = Vec::new();
        for (store, optimizer) in self.updater.optimizers.iter().enumerate() {
            // Once a gradient is not finite nothing is applied any more, and all later losses tell
            // of the same weights; the optimiser counts the steps of its own before.
            if !optimizer.is_finite()? {
                let before = optimizer.finite_steps()? as usize;
                let own = |step: &u64| self.objective.trains(store, *step);
                failed.extend((self.started_at..self.step).filter(own).nth(before));
            }
        }
        let mut rest = read;
        for pending in &self.pending {
            let (own, tail) = rest.split_at(pending.tensors().count());
            rest = tail;
            if own.iter().flatten().any(|value| !value.is_finite()) {
                failed.push(pending.step);
            }
        }
        Ok(failed.into_iter().min())
    }

    fn epoch_number(&self) -> u64 {
        self.step.div_ceil(self.objective.steps_per_epoch().max(1))
    }

    fn log_line(&mut self) -> Result<()> {
        if !self.line.is_empty() {
            let mut values = self.line.means();
            let (name, value) = match self.updater.relative_norm() {
                Some(norm) => ("gradient_norm", norm),
                None => ("learning_rate", self.learning_rate(self.step - 1)),
            };
            values.insert(name.into(), value);
            self.record("train", values)?;
            self.line.clear();
        }
        Ok(())
    }

    fn record(
        &mut self,
        split: &str,
        values: std::collections::BTreeMap<String, f64>,
    ) -> Result<()> {
        let record = MetricRecord {
            step: self.options.first_step + self.step,
            epoch: self.epoch_number(),
            stage: self.options.name.clone(),
            split: split.into(),
            values,
        };
        match &mut self.session.storage {
            Some(storage) => storage.metrics.append(&record),
            None => Ok(()),
        }
    }

    fn end_epoch(&mut self) -> Result<()> {
        let number = self.epoch_number();
        let means = self.epoch.means();
        let weighted = |name: &&String| !name.ends_with("_weighted");
        let shown: Vec<(&str, f64)> = means
            .keys()
            .filter(weighted)
            .map(|name| (name.as_str(), means[name]))
            .collect();
        self.progress.epoch(number, &shown);
        let epoch = std::mem::take(&mut self.epoch);
        self.objective.epoch_ended(number, &|name| epoch.mean(name))
    }

    fn read_weights(&self) -> Result<Vec<Vec<Vec<f32>>>> {
        let read = |store: &&limbeck_engine::ParameterStore| store.values().read();
        Ok(self
            .objective
            .stores()
            .iter()
            .map(read)
            .collect::<limbeck_engine::Result<_>>()?)
    }

    /// Leaves the best weights in the model.
    fn finish(mut self) -> Result<StageReport> {
        self.drain()?;
        let converged = self.convergence.as_ref().is_some_and(Convergence::is_met);
        if converged {
            self.tell_convergence();
        }
        if let Some(weights) = self.best_weights.take() {
            for (store, values) in self.objective.stores_mut().into_iter().zip(&weights) {
                store.values_mut()?.restore(values)?;
            }
        }
        let best_step = self.best.as_ref().map(|best| best.step);
        let best = self.best.map(|best| DevScore {
            metric: best.metric,
            loss: best.loss,
            figures: Vec::new(),
        });
        Ok(StageReport {
            steps: self.step,
            best_step: best_step.map(|step| step - self.options.first_step),
            best,
            converged,
        })
    }
}
