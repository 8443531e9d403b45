//! One stage of training: an objective, an optimiser, and the loop that joins them.
//!
//! A step is a pure function of (parameters, optimiser state, seed, step number): batches and
//! random numbers are looked up by number, not drawn in turn. So a stage that is stopped and
//! resumed from a checkpoint ends with the same bits as one that was not.

mod diverged;
mod log;
mod micro;
mod parts;
mod rehearse;
mod run;
mod state;
mod timed;
mod update;

use limbeck_engine::{Device, ParameterStore, Tape};
use limbeck_losses::Term;
use serde_json::Value;

pub use micro::MicroBatch;
pub use rehearse::{Rehearsal, StageBytes, rehearse};
pub use run::run_stage;
pub use timed::{StageTimes, time_updates};

use crate::checkpoint::{Checkpoints, Fingerprint};
use crate::convergence::ConvergenceOptions;
use crate::error::{Result, TrainingError};
use crate::interrupt::Interrupt;
use crate::optimizer::OptimizerConfig;
use crate::progress::Display;
use crate::run_folder::{MetricsLog, RunPaths};
use crate::schedule::Schedule;

/// Steps whose losses are read back together on a GPU.
pub const READ_TOGETHER: usize = 16;

/// What a stage minimises, and how its model is judged.
pub trait Objective {
    /// The stores to train, the main model's first.
    fn stores(&self) -> Vec<&ParameterStore>;

    /// The stores to train, in the same order.
    fn stores_mut(&mut self) -> Vec<&mut ParameterStore>;

    /// Whether update `step` (from 0) trains store number `store`: models that take turns. The others
    /// get no gradient and stay as they are, the state of their update rule included.
    fn trains(&self, store: usize, step: u64) -> bool {
        let _ = (store, step);
        true
    }

    /// Updates of different kinds that a rehearsal goes through, by number.
    fn kinds_of_steps(&self) -> Vec<u64> {
        vec![0]
    }

    /// The weighted terms of the loss of update `step` (from 0).
    ///
    /// # Errors
    /// If the device failed.
    fn terms(&self, tape: &Tape, step: u64) -> Result<Vec<Term>>;

    /// The terms of a part of the samples of update `step`; none if the part has no samples. Each
    /// term says which share of the update's samples it is over, so that the parts add up to
    /// [`Objective::terms`].
    ///
    /// # Errors
    /// If the samples can only be read at once, or the device failed.
    fn terms_of(&self, tape: &Tape, step: u64, part: MicroBatch) -> Result<Vec<Term>> {
        if part.is_whole() {
            return self.terms(tape, step);
        }
        Err(TrainingError::Configuration(
            "`accumulate`: expected 1, since this stage reads the samples of an update at once"
                .into(),
        ))
    }

    /// Numbers of the samples that update `step` reads, for messages.
    fn samples(&self, step: u64) -> Vec<u64>;

    /// Tokens that update `step` reads, for the progress display.
    fn tokens(&self, step: u64) -> u64;

    /// Updates in one pass over the labelled texts.
    fn steps_per_epoch(&self) -> u64;

    /// The model's quality on the development set; `None` without one.
    ///
    /// # Errors
    /// If the device failed.
    fn evaluate(&self) -> Result<Option<DevScore>>;

    /// Tensors that go on from update to update beside parameters, such as the state of a recurrent
    /// network: part of a checkpoint.
    ///
    /// # Errors
    /// If the device failed.
    fn carried(&self) -> Result<Vec<Vec<f32>>> {
        Ok(Vec::new())
    }

    /// Takes back what [`Objective::carried`] gave after `step` updates.
    ///
    /// # Errors
    /// If it is not what this objective gave, or the device failed.
    fn restore_carried(&mut self, step: u64, carried: Vec<Vec<f32>>) -> Result<()> {
        let _ = (step, carried);
        Ok(())
    }

    /// From now on every update reads the longest texts of the data, as many as a batch holds: for
    /// a rehearsal of what a stage needs at most.
    fn read_largest_batches(&mut self) {}

    /// Updates after which the loss becomes another function, such as the next value of a grid;
    /// `None` if it stays the same. The update rule begins each part anew; one that knows that it
    /// has converged ends a part early, and its other updates are left out.
    fn part_steps(&self) -> Option<u64> {
        None
    }

    /// Part number `part` (from 0) begins, or goes on after a resume.
    fn begin_part(&mut self, part: u64) {
        let _ = part;
    }

    /// An epoch has ended; `mean` gives the mean of each unweighted term over it.
    ///
    /// # Errors
    /// If the objective writes or computes something at the ends of epochs and cannot.
    fn epoch_ended(&mut self, epoch: u64, mean: &dyn Fn(&str) -> Option<f64>) -> Result<()> {
        let _ = (epoch, mean);
        Ok(())
    }

    /// What the objective must remember across a resume, besides parameters.
    fn state(&self) -> Value {
        Value::Null
    }

    /// Takes back what [`Objective::state`] gave.
    ///
    /// # Errors
    /// If it is not what this objective wrote.
    fn restore(&mut self, state: &Value) -> Result<()> {
        let _ = state;
        Ok(())
    }
}

/// Quality on the development set.
#[derive(Clone, Debug, PartialEq)]
pub struct DevScore {
    /// What is maximised.
    pub metric: f64,
    /// What breaks ties: the lower the better.
    pub loss: f64,
    /// Everything to be logged, the two above included.
    pub figures: Vec<(&'static str, f64)>,
}

/// From when on the values are averaged over updates of plain SGD (Polyak and Juditsky 1992).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Averaging {
    /// Never.
    Off,
    /// After so many updates of the stage.
    After(u64),
    /// After the first evaluation whose loss is larger than one that was made more than so many
    /// evaluations ago (Merity et al. 2018). The learning rate is not lowered any more.
    NonMonotone(usize),
}

/// How a stage is trained.
#[derive(Clone, Debug)]
pub struct StageOptions {
    /// Its name in logs and checkpoints.
    pub name: String,
    /// Number of updates.
    pub steps: u64,
    /// Updates of the run before this stage: steps of metrics and checkpoints count on.
    pub first_step: u64,
    /// The update rule.
    pub optimizer: OptimizerConfig,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Parts that the samples of an update are read in, one after the other.
    pub accumulate: usize,
    /// Its course.
    pub schedule: Schedule,
    /// Factor on the learning rate after each evaluation that is no improvement.
    pub plateau: Option<f64>,
    /// Whether, and from when on, the average of the values is judged and kept in their place.
    pub averaging: Averaging,
    /// Largest norm of the gradient.
    pub clip_norm: Option<f32>,
    /// Evaluations without improvement before stopping.
    pub patience: Option<u32>,
    /// Stops once the training loss has converged. It is asked every [`READ_TOGETHER`] updates, so
    /// that a stage has the same length on every device.
    pub convergence: Option<ConvergenceOptions>,
    /// Updates between evaluations.
    pub evaluate_every: u64,
    /// Updates between checkpoints (one more at every improvement and at the end).
    pub checkpoint_every: u64,
}

/// Where a stage writes; `None` keeps everything in memory.
pub struct Storage<'a> {
    /// The run folder.
    pub paths: &'a RunPaths,
    /// Its measurements.
    pub metrics: &'a mut MetricsLog,
    /// What a checkpoint must agree with to be resumed.
    pub fingerprint: &'a Fingerprint,
}

impl Storage<'_> {
    pub(crate) fn checkpoints(&self) -> Checkpoints {
        Checkpoints::new(self.paths)
    }
}

/// What all stages of a run share.
pub struct Session<'a> {
    /// The device of the models.
    pub device: &'a Device,
    /// The run's seed.
    pub seed: u64,
    /// Where to write.
    pub storage: Option<Storage<'a>>,
    /// Set by Ctrl-C.
    pub interrupt: &'a Interrupt,
    /// Progress bar or silence.
    pub display: Display,
}

/// How a stage ended. The model holds its best weights.
#[derive(Clone, Debug, PartialEq)]
pub struct StageReport {
    /// Updates made, those included that a converged part left out.
    pub steps: u64,
    /// The best evaluation.
    pub best: Option<DevScore>,
    /// The stage's update after which it was made.
    pub best_step: Option<u64>,
    /// Whether it ended because the training loss had converged.
    pub converged: bool,
}
