//! Reading all the data of a run, and going through it, without training.

use limbeck_engine::Layout;
use limbeck_recipes::config::Run;
use limbeck_recipes::layerwise::check_ready_made_teacher;
use limbeck_recipes::{RunData, RunRehearsal, rehearse_run};

use super::{DeviceChoice, Result};

/// What a run would do, and the data it would do it with.
pub struct Checked {
    /// The labelled data.
    pub data: RunData,
    /// Its models, their tapes, and the memory it would take.
    pub rehearsal: RunRehearsal,
}

/// Reads every data file that the run names, and the teacher it takes from another run, and goes
/// through the run on shapes alone. The device is not opened.
///
/// # Errors
/// The first thing that is wrong; in data with file and line.
pub fn check(run: &Run, device: &DeviceChoice) -> Result<Checked> {
    let data = RunData::read(run.data(), run.seed())?;
    if let Run::Layerwise(run) = run {
        check_ready_made_teacher(run, &data.labelled.classes)?;
    }
    let layout = match device {
        DeviceChoice::Cpu => Layout::Cpu,
        DeviceChoice::Gpu(_) => Layout::Gpu,
        DeviceChoice::Reference => Layout::Reference,
    };
    let rehearsal = rehearse_run(run, &data, layout)?;
    Ok(Checked { data, rehearsal })
}
