//! What the updates of a run take on a device, measured.

use limbeck_recipes::config::Run;
use limbeck_recipes::{time_language_model, time_relay, time_run, time_unit_select};
use limbeck_training::stage::StageTimes;

use super::session::Work;
use super::{DeviceChoice, Result};

/// Goes through the stages of a run, makes the first updates of each, and times them. Its models are
/// as good as untrained; they are judged on dev alone, and nothing is written.
///
/// # Errors
/// If data are wrong, or the device cannot be opened or fails.
pub fn time_stages(run: &Run, device: &DeviceChoice) -> Result<Vec<StageTimes>> {
    let device = device.open()?;
    Ok(match run {
        Run::Train(task) => time_run(run, &task.read(false)?, &device)?,
        Run::Layerwise(task) => time_run(run, &task.read(false)?, &device)?,
        Run::GateMixup(task) => time_run(run, &task.read(false)?, &device)?,
        Run::NceLm(task) => time_language_model(task, &task.read(false)?, &device)?,
        Run::Relay(task) => time_relay(task, &task.read(false)?, &device)?,
        Run::UnitSelect(task) => time_unit_select(task, &task.read(false)?, &device)?,
    })
}
