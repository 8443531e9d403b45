//! What the updates of a run take on a device, measured.

use limbeck_recipes::config::Run;
use limbeck_recipes::nce_lm::LanguageData;
use limbeck_recipes::relay::RelayData;
use limbeck_recipes::{RunData, time_language_model, time_relay, time_run};
use limbeck_training::stage::StageTimes;

use super::{DeviceChoice, Result};

/// Goes through the stages of a run, makes the first updates of each, and times them. Its models are
/// as good as untrained, and nothing is written.
///
/// # Errors
/// If data are wrong, or the device cannot be opened or fails.
pub fn time_stages(run: &Run, device: &DeviceChoice) -> Result<Vec<StageTimes>> {
    let device = device.open()?;
    Ok(match run {
        Run::NceLm(run) => {
            time_language_model(run, &LanguageData::read(&run.data, true)?, &device)?
        }
        Run::Relay(run) => time_relay(run, &RelayData::read(run, true)?, &device)?,
        Run::Train(_) | Run::Layerwise(_) | Run::GateMixup(_) => {
            let config = run.data().expect("these tasks have labelled texts");
            time_run(run, &RunData::read(config, run.seed())?, &device)?
        }
    })
}
