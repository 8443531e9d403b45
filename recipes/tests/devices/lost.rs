//! A GPU that goes away in the middle of a run: a clear error, and checkpoints that go on.

use std::path::Path;

use limbeck_engine::{Device, ParameterStore, Tape};
use limbeck_losses::{Term, hard_cross_entropy};
use limbeck_models::Classifier;
use limbeck_recipes::RunContext;
use limbeck_training::checkpoint::{Checkpoints, Fingerprint};
use limbeck_training::interrupt::Interrupt;
use limbeck_training::optimizer::OptimizerConfig;
use limbeck_training::run_folder::{Existing, RunFolder, RunInfo};
use limbeck_training::schedule::{Decay, ScheduleConfig, Warmup};
use limbeck_training::stage::{DevScore, Objective, StageOptions, StageReport};
use limbeck_training::{Result, TrainingError};

use crate::tiny::{Kind, Labelled};

const STEPS: u64 = 12;
const CHECKPOINT_EVERY: u64 = 3;
/// The update that finds the GPU gone, after the checkpoint of the sixth.
const LOST_IN: u64 = 8;
/// Of a parameter, between twelve updates on a GPU and six of them on the CPU: see `parity`.
const OTHER_DEVICE: f32 = 1e-4;

/// Loses `device` while it trains; `fresh` opens the adapter anew.
pub(crate) fn check(device: Device, fresh: impl Fn() -> Device) {
    let name = device.adapter().expect("a GPU").to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let at = |run: &str| folder.path().join(run);
    let whole = run(&fresh(), &at("whole"), None, false).expect("nothing is lost");

    for run_name in ["again", "on-cpu"] {
        let gpu = if run_name == "again" {
            device.clone()
        } else {
            fresh()
        };
        let error = run(&gpu, &at(run_name), Some(LOST_IN), false).expect_err("lost in step 8");
        assert_eq!(error.exit_code(), 1);
        let message = error.to_string();
        for part in [
            name.as_str(),
            "the GPU was lost",
            "--resume",
            "--device cpu",
        ] {
            assert!(message.contains(part), "{part} is not in: {message}");
        }
        newest_is_intact(&at(run_name));
    }

    let again = run(&fresh(), &at("again"), None, true).expect("the GPU is back");
    assert_eq!(bits(&again), bits(&whole), "resumed on the same adapter");
    let on_cpu = run(&Device::cpu(), &at("on-cpu"), None, true).expect("no GPU is needed");
    for (a, b) in on_cpu.iter().flatten().zip(whole.iter().flatten()) {
        assert!((a - b).abs() <= OTHER_DEVICE, "{a} on the CPU, {b}");
    }
}

fn newest_is_intact(root: &Path) {
    let folder = RunFolder::resume(root).expect("a run folder");
    let (newest, skipped) = Checkpoints::new(folder.paths())
        .latest_intact()
        .expect("a folder that can be read")
        .expect("a checkpoint");
    assert!(skipped.is_empty(), "{skipped:?}");
    assert_eq!(newest.step, LOST_IN / CHECKPOINT_EVERY * CHECKPOINT_EVERY);
}

fn bits(weights: &[Vec<f32>]) -> Vec<u32> {
    weights.iter().flatten().map(|w| w.to_bits()).collect()
}

/// Trains in a run folder and returns the weights.
fn run(device: &Device, root: &Path, lost_in: Option<u64>, resume: bool) -> Result<Vec<Vec<f32>>> {
    let folder = if resume {
        RunFolder::resume(root)?
    } else {
        RunFolder::create(root, Existing::Refuse)?
    };
    let fingerprint = Fingerprint::default();
    let interrupt = Interrupt::new();
    let paths = folder.paths();
    if !resume {
        RunInfo::new("a test", "train", 1).write(paths)?;
    }
    let mut context =
        RunContext::in_folder(device, 1, &interrupt, paths, fingerprint, resume).map_err(inner)?;
    let mut objective = Losing {
        model: Kind::Transformer.build(device)?,
        lost_in,
    };
    train(&mut context, &mut objective).map_err(inner)?;
    Ok(objective.model.parameters().values().read()?)
}

fn inner(error: limbeck_recipes::Error) -> TrainingError {
    match error {
        limbeck_recipes::Error::Training(error) => error,
        other => panic!("not an error of training: {other}"),
    }
}

fn train(
    context: &mut RunContext<'_>,
    objective: &mut Losing,
) -> limbeck_recipes::Result<StageReport> {
    let schedule = ScheduleConfig {
        decay: Decay::Constant,
        warmup: Warmup::Steps(0),
    };
    let options = StageOptions {
        name: "only".into(),
        steps: STEPS,
        first_step: 0,
        optimizer: OptimizerConfig::Sgd {
            momentum: 0.9,
            weight_decay: 0.0,
        },
        learning_rate: 0.1,
        accumulate: 1,
        plateau: None,
        averaging: limbeck_training::stage::Averaging::Off,
        schedule: schedule.over(STEPS),
        clip_norm: Some(1.0),
        patience: None,
        convergence: None,
        evaluate_every: 0,
        checkpoint_every: CHECKPOINT_EVERY,
    };
    context.train(options, objective)
}

/// A tiny model's loss; loses the GPU between the passes of one update.
struct Losing {
    model: Box<dyn Classifier>,
    lost_in: Option<u64>,
}

impl Objective for Losing {
    fn stores(&self) -> Vec<&ParameterStore> {
        vec![self.model.parameters()]
    }

    fn stores_mut(&mut self) -> Vec<&mut ParameterStore> {
        vec![self.model.parameters_mut()]
    }

    fn terms(&self, tape: &Tape, step: u64) -> Result<Vec<Term>> {
        let batch = batch(step);
        let texts = self.model.batch(&batch.texts(), 0)?;
        let logits = self.model.forward(tape, &texts)?.logits;
        if self.lost_in == Some(step + 1) {
            let gpu = tape.device().gpu_handle().expect("only a GPU is lost");
            gpu.lose();
        }
        let loss = hard_cross_entropy(tape, &logits, batch.labels())?;
        Ok(vec![Term::new("L", loss, 1.0)])
    }

    fn samples(&self, _: u64) -> Vec<u64> {
        Vec::new()
    }

    fn tokens(&self, step: u64) -> u64 {
        batch(step).texts().iter().map(|t| t.len() as u64).sum()
    }

    fn steps_per_epoch(&self) -> u64 {
        STEPS
    }

    fn evaluate(&self) -> Result<Option<DevScore>> {
        Ok(None)
    }
}

fn batch(step: u64) -> Labelled {
    let first = 4 * step as u32;
    Labelled::new(Kind::Transformer, first..first + 4)
}
