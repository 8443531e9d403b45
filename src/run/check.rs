//! Reading all the data of a run, and going through it, without training.

use limbeck_data::read::PartReport;
use limbeck_engine::Layout;
use limbeck_recipes::config::Run;
use limbeck_recipes::layerwise::check_ready_made_teacher;
use limbeck_recipes::nce_lm::LanguageData;
use limbeck_recipes::relay::RelayData;
use limbeck_recipes::unit_select::UnitData;
use limbeck_recipes::{
    RunData, RunRehearsal, rehearse_language_model, rehearse_relay, rehearse_run,
    rehearse_unit_select,
};

use super::{DeviceChoice, Result};

/// What a run would do, and the data it would do it with.
pub struct Checked {
    /// What a careful person should know about the data.
    pub report: String,
    /// The parts of labelled data that were read from files.
    pub parts: Vec<PartReport>,
    /// Its models, their tapes, and the memory it would take.
    pub rehearsal: RunRehearsal,
}

/// Reads every data file that the run names, and the teacher it takes from another run, and goes
/// through the run on shapes alone. The device is not opened.
///
/// # Errors
/// The first thing that is wrong; in data with file and line.
pub fn check(run: &Run, device: &DeviceChoice) -> Result<Checked> {
    let layout = match device {
        DeviceChoice::Cpu => Layout::Cpu,
        DeviceChoice::Gpu(_) => Layout::Gpu,
        DeviceChoice::Reference => Layout::Reference,
    };
    if let Run::NceLm(run) = run {
        let data = LanguageData::read(&run.data, true)?;
        return Ok(Checked {
            rehearsal: rehearse_language_model(run, &data, layout)?,
            report: data.report,
            parts: Vec::new(),
        });
    }
    if let Run::Relay(run) = run {
        let data = RelayData::read(run, true)?;
        return Ok(Checked {
            rehearsal: rehearse_relay(run, &data, layout)?,
            report: data.report,
            parts: Vec::new(),
        });
    }
    if let Run::UnitSelect(run) = run {
        let data = UnitData::read(run, true)?;
        return Ok(Checked {
            rehearsal: rehearse_unit_select(run, &data, layout)?,
            report: data.report,
            parts: Vec::new(),
        });
    }
    let config = run.data().expect("every other task has labelled texts");
    let data = RunData::read(config, run.seed())?;
    if let Run::Layerwise(run) = run {
        check_ready_made_teacher(run, &data)?;
    }
    Ok(Checked {
        rehearsal: rehearse_run(run, &data, layout)?,
        report: data.report,
        parts: data.parts,
    })
}
