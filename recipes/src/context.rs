//! What the stages of one run share: device, run folder, checkpoints, the stages already done.

use std::path::PathBuf;

use limbeck_engine::Device;
use limbeck_training::checkpoint::{Checkpoint, Checkpoints, Fingerprint};
use limbeck_training::interrupt::Interrupt;
use limbeck_training::progress::Display;
use limbeck_training::run_folder::{CheckpointName, MetricsLog, RunPaths};
use limbeck_training::stage::{
    Objective, Rehearsal, Session, StageOptions, StageReport, StageTimes, Storage, rehearse,
    run_stage, time_updates,
};

use crate::error::Result;
use crate::text::TextClassifier;

/// A run in progress.
pub struct RunContext<'a> {
    device: &'a Device,
    seed: u64,
    folder: Option<Folder<'a>>,
    interrupt: &'a Interrupt,
    display: Display,
    /// Updates planned for the stages so far.
    first_step: u64,
    /// What the stages would do, where none is trained.
    rehearsal: Option<Vec<Rehearsal>>,
    /// What the first updates of the stages take, where they are timed.
    times: Option<Vec<StageTimes>>,
}

struct Folder<'a> {
    paths: &'a RunPaths,
    metrics: MetricsLog,
    fingerprint: Fingerprint,
    resume: Option<Checkpoint>,
}

impl<'a> RunContext<'a> {
    /// A run that keeps everything in memory.
    pub fn in_memory(device: &'a Device, seed: u64, interrupt: &'a Interrupt) -> Self {
        let display = Display::Silent;
        RunContext {
            device,
            seed,
            folder: None,
            interrupt,
            display,
            first_step: 0,
            rehearsal: None,
            times: None,
        }
    }

    /// A run that computes nothing, to find out what it would do and need; its device must be a
    /// shape device.
    pub fn rehearsal(device: &'a Device, seed: u64, interrupt: &'a Interrupt) -> Self {
        RunContext {
            rehearsal: Some(Vec::new()),
            ..Self::in_memory(device, seed, interrupt)
        }
    }

    /// The stages of a rehearsal, in order.
    pub fn into_rehearsals(self) -> Vec<Rehearsal> {
        self.rehearsal.unwrap_or_default()
    }

    /// A run that makes but the first updates of each stage, to find out how long they take.
    pub fn timed(device: &'a Device, seed: u64, interrupt: &'a Interrupt) -> Self {
        RunContext {
            times: Some(Vec::new()),
            ..Self::in_memory(device, seed, interrupt)
        }
    }

    /// What the stages took, in order.
    pub fn into_times(self) -> Vec<StageTimes> {
        self.times.unwrap_or_default()
    }

    /// Whether nothing is trained: what models say means nothing.
    pub(crate) fn is_rehearsal(&self) -> bool {
        self.rehearsal.is_some() || self.times.is_some()
    }

    /// A run that writes into a folder. With `resume`, it goes on from the newest intact
    /// checkpoint, which must be of the same configuration.
    ///
    /// # Errors
    /// If the folder cannot be read or written, or the checkpoint is of another configuration.
    pub fn in_folder(
        device: &'a Device,
        seed: u64,
        interrupt: &'a Interrupt,
        paths: &'a RunPaths,
        fingerprint: Fingerprint,
        resume: bool,
    ) -> Result<Self> {
        let checkpoint = if resume {
            newest(paths, &fingerprint)?
        } else {
            None
        };
        let step = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.step);
        let metrics = MetricsLog::open_at(paths, step)?;
        let folder = Folder {
            paths,
            metrics,
            fingerprint,
            resume: checkpoint,
        };
        let display = Display::detect();
        Ok(RunContext {
            device,
            seed,
            folder: Some(folder),
            interrupt,
            display,
            first_step: 0,
            rehearsal: None,
            times: None,
        })
    }

    /// The run folder; none for a run in memory.
    pub(crate) fn paths(&self) -> Option<&RunPaths> {
        self.folder.as_ref().map(|folder| folder.paths)
    }

    /// The device.
    pub fn device(&self) -> &'a Device {
        self.device
    }

    /// The run's seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// A model that an earlier, interrupted part of this run has finished.
    ///
    /// # Errors
    /// If it is there but cannot be read.
    pub fn finished(&self, stage: &str) -> Result<Option<TextClassifier>> {
        match self.model_folder(stage) {
            Some(folder) if folder.exists() => TextClassifier::load(&folder, self.device).map(Some),
            _ => Ok(None),
        }
    }

    /// Reserves the steps of a stage that is finished already.
    pub fn skip(&mut self, steps: u64) {
        self.first_step += steps;
    }

    /// Writes the finished model of a stage.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn keep(&self, stage: &str, classifier: &TextClassifier) -> Result<()> {
        match self.model_folder(stage) {
            Some(folder) => classifier.save(&folder),
            None => Ok(()),
        }
    }

    fn model_folder(&self, stage: &str) -> Option<PathBuf> {
        self.folder
            .as_ref()
            .map(|folder| folder.paths.model().join(stage))
    }

    /// Trains one stage, from its checkpoint if the run was stopped within it.
    ///
    /// # Errors
    /// Those of [`run_stage`].
    pub fn train(
        &mut self,
        mut options: StageOptions,
        objective: &mut dyn Objective,
    ) -> Result<StageReport> {
        options.first_step = self.first_step;
        self.first_step += options.steps;
        let nothing = StageReport {
            steps: 0,
            best: None,
            best_step: None,
            converged: false,
        };
        if let Some(stages) = &mut self.rehearsal {
            stages.push(rehearse(self.device, self.seed, &options, objective)?);
            return Ok(nothing);
        }
        if let Some(stages) = &mut self.times {
            stages.push(time_updates(self.device, self.seed, &options, objective)?);
            return Ok(nothing);
        }
        let resume = self.folder.as_mut().and_then(|folder| {
            let of_stage = |c: &Checkpoint| c.state["stage"].as_str() == Some(&options.name);
            folder.resume.take_if(|checkpoint| of_stage(checkpoint))
        });
        let mut session = Session {
            device: self.device,
            seed: self.seed,
            storage: self.folder.as_mut().map(|folder| Storage {
                paths: folder.paths,
                metrics: &mut folder.metrics,
                fingerprint: &folder.fingerprint,
            }),
            interrupt: self.interrupt,
            display: self.display,
        };
        Ok(run_stage(
            &mut session,
            &options,
            objective,
            resume.as_ref(),
        )?)
    }
}

fn newest(paths: &RunPaths, fingerprint: &Fingerprint) -> Result<Option<Checkpoint>> {
    let checkpoints = Checkpoints::new(paths);
    let Some((checkpoint, skipped)) = checkpoints.latest_intact()? else {
        return Ok(None);
    };
    for damaged in skipped {
        tracing::warn!(
            "checkpoint {} is passed over: {}",
            damaged.name,
            damaged.reason
        );
    }
    checkpoint.require(fingerprint)?;
    checkpoints.discard_after(CheckpointName(checkpoint.step))?;
    Ok(Some(checkpoint))
}
