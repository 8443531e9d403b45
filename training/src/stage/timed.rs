//! What the updates of a stage take on a device, measured.

use std::sync::Arc;
use std::time::{Duration, Instant};

use limbeck_engine::{Cost, Device, Pass, Profile, Tensor};

use super::update::{Update, Updater};
use super::{Objective, StageOptions};
use crate::error::Result;

/// The first updates of a stage, timed.
#[derive(Clone, Debug)]
pub struct StageTimes {
    /// The stage.
    pub name: String,
    /// Updates that were timed.
    pub updates: u64,
    /// What they took together, on the clock.
    pub time: Duration,
    /// Operators and passes, of all updates together. A GPU's time is the time to record them.
    pub costs: Vec<(&'static str, Pass, Cost)>,
    /// Dispatches of a GPU, of all updates together; 0 elsewhere.
    pub dispatches: u64,
    /// Submissions of a GPU, likewise.
    pub submissions: u64,
}

/// Updates at most: the first half, in which buffers are made and shaders compiled, is not timed.
const UPDATES: u64 = 6;

/// Makes the first updates of a stage and times the second half of them. The models are trained by
/// them.
///
/// # Errors
/// If shapes do not fit each other, or the device failed.
pub fn time_updates(
    device: &Device,
    seed: u64,
    options: &StageOptions,
    objective: &mut dyn Objective,
) -> Result<StageTimes> {
    let mut updater = Updater::new(objective, options)?;
    let first = objective.kinds_of_steps().first().copied().unwrap_or(0);
    let end = options.steps.min(first + UPDATES);
    let timed_from = first + end.saturating_sub(first) / 2;
    let profile = Arc::new(Profile::default());
    let (mut start, mut before) = (Instant::now(), traffic(device));
    let mut last = None;
    for step in first..end {
        if step == timed_from {
            wait(last.take())?;
            (start, before) = (Instant::now(), traffic(device));
        }
        let measured = (step >= timed_from).then_some(&profile);
        let update = Update {
            device,
            seed,
            step,
            parts: options.accumulate,
            learning_rate: options.learning_rate,
            profile: measured,
        };
        let values = updater.update(update, objective)?;
        device.flush()?;
        last = values.into_iter().flat_map(|part| part.tensors).last();
    }
    let after = traffic(device);
    wait(last)?;
    Ok(StageTimes {
        name: options.name.clone(),
        updates: end.saturating_sub(timed_from),
        time: start.elapsed(),
        costs: profile.costs(),
        dispatches: after.0 - before.0,
        submissions: after.1 - before.1,
    })
}

/// Waits until a device has computed this value, and with it what was asked for before.
fn wait(value: Option<Tensor>) -> Result<()> {
    if let Some(value) = value {
        value.read()?;
    }
    Ok(())
}

/// Dispatches and submissions so far.
#[cfg(feature = "gpu")]
fn traffic(device: &Device) -> (u64, u64) {
    let counters = device.gpu_handle().map(|gpu| gpu.counters());
    counters.map_or((0, 0), |c| (c.dispatches, c.submissions))
}

#[cfg(not(feature = "gpu"))]
fn traffic(_: &Device) -> (u64, u64) {
    (0, 0)
}
