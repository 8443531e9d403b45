//! A whole run on a shape device: what it would do and need, found before it starts; and its first
//! updates on another, timed.

use limbeck_engine::{Device, Layout};
use limbeck_training::interrupt::Interrupt;
use limbeck_training::stage::{Rehearsal, StageTimes};

use crate::config::{NceLmRun, RelayRun, Run, UnitSelectRun};
use crate::context::RunContext;
use crate::dataset::RunData;
use crate::error::{Error, Result};
use crate::gate_mixup;
use crate::layerwise;
use crate::measured::Measured;
use crate::nce_lm::{LanguageData, train_language_model};
use crate::relay::{self, RelayData};
use crate::unit_select::{self, UnitData};

/// What a run would do and need.
#[derive(Clone, Debug)]
pub struct RunRehearsal {
    /// Its stages in order, those of cross-fitted folds included.
    pub stages: Vec<Rehearsal>,
    /// Figures of its models; those of size alone mean something.
    pub models: Measured,
    /// The most tensor memory in use at once, from the start to the last figure on test.
    pub peak_bytes: usize,
    /// What the pool of the device takes from the system. It keeps buffers of several sizes, for
    /// batches of differing lengths, and gives nothing back.
    pub pool_bytes: usize,
}

/// Goes through a run on shapes alone, for a device that keeps its tensors like `layout`. The run
/// is the same code as ever, and asks for the same buffers; only its numbers are missing, and each
/// stage takes but its first steps, and one at the largest batch the data give.
///
/// ```
/// use limbeck_engine::Layout;
/// use limbeck_recipes::{RunData, config, rehearse_run};
///
/// let text = "task = \"train\"\n[data]\nformat = \"corpus\"\n[data.corpus]\ntrain_size = 100\n";
/// let run = config::parse("run.toml", text, &[]).expect("a run file");
/// let data = RunData::read(run.data().expect("labelled texts"), 1)?;
/// let rehearsal = rehearse_run(&run, &data, Layout::Cpu)?;
/// assert_eq!(rehearsal.stages[0].name, "model");
/// assert!(rehearsal.peak_bytes > rehearsal.stages[0].bytes.weights);
/// # Ok::<(), limbeck_recipes::Error>(())
/// ```
///
/// # Errors
/// What the run itself would stumble over before it computes anything.
pub fn rehearse_run(run: &Run, data: &RunData, layout: Layout) -> Result<RunRehearsal> {
    rehearse(run.seed(), layout, |context| walk(run, data, context))
}

fn walk(run: &Run, data: &RunData, context: &mut RunContext<'_>) -> Result<Measured> {
    match run {
        Run::Train(run) => Ok(crate::train(run, data, context)?.measured),
        Run::Layerwise(run) => Ok(layerwise::distill(run, data, context)?.measured),
        Run::GateMixup(run) => Ok(gate_mixup::distill(run, data, context)?.measured),
        Run::NceLm(_) | Run::Relay(_) | Run::UnitSelect(_) => Err(Error::Engine(
            limbeck_engine::Error::Mismatch("this task has data of another form".into()),
        )),
    }
}

/// Goes through a run on a device, makes the first updates of each stage, and times them. The models
/// are judged as ever, although they are as good as untrained.
///
/// # Errors
/// Those of the run.
pub fn time_run(run: &Run, data: &RunData, device: &Device) -> Result<Vec<StageTimes>> {
    time(run.seed(), device, |context| walk(run, data, context))
}

/// [`time_run`] for a language model.
///
/// # Errors
/// As [`time_run`].
pub fn time_language_model(
    run: &NceLmRun,
    data: &LanguageData,
    device: &Device,
) -> Result<Vec<StageTimes>> {
    time(run.seed, device, |context| {
        Ok(train_language_model(run, data, context)?.measured)
    })
}

/// [`time_run`] for two teachers in turn.
///
/// # Errors
/// As [`time_run`].
pub fn time_relay(run: &RelayRun, data: &RelayData, device: &Device) -> Result<Vec<StageTimes>> {
    time(run.seed, device, |context| {
        Ok(relay::distill(run, data, context)?.measured)
    })
}

/// [`time_run`] for a student that follows its teacher unit by unit.
///
/// # Errors
/// As [`time_run`].
pub fn time_unit_select(
    run: &UnitSelectRun,
    data: &UnitData,
    device: &Device,
) -> Result<Vec<StageTimes>> {
    time(run.seed, device, |context| {
        Ok(unit_select::distill(run, data, context)?.measured)
    })
}

fn time(
    seed: u64,
    device: &Device,
    run: impl FnOnce(&mut RunContext<'_>) -> Result<Measured>,
) -> Result<Vec<StageTimes>> {
    let interrupt = Interrupt::new();
    let mut context = RunContext::timed(device, seed, &interrupt);
    run(&mut context)?;
    Ok(context.into_times())
}

/// [`rehearse_run`] for a language model.
///
/// # Errors
/// As [`rehearse_run`].
pub fn rehearse_language_model(
    run: &NceLmRun,
    data: &LanguageData,
    layout: Layout,
) -> Result<RunRehearsal> {
    rehearse(run.seed, layout, |context| {
        Ok(train_language_model(run, data, context)?.measured)
    })
}

/// [`rehearse_run`] for two teachers in turn.
///
/// # Errors
/// As [`rehearse_run`].
pub fn rehearse_relay(run: &RelayRun, data: &RelayData, layout: Layout) -> Result<RunRehearsal> {
    rehearse(run.seed, layout, |context| {
        Ok(relay::distill(run, data, context)?.measured)
    })
}

/// [`rehearse_run`] for a student that follows its teacher unit by unit.
///
/// # Errors
/// As [`rehearse_run`].
pub fn rehearse_unit_select(
    run: &UnitSelectRun,
    data: &UnitData,
    layout: Layout,
) -> Result<RunRehearsal> {
    rehearse(run.seed, layout, |context| {
        Ok(unit_select::distill(run, data, context)?.measured)
    })
}

fn rehearse(
    seed: u64,
    layout: Layout,
    run: impl FnOnce(&mut RunContext<'_>) -> Result<Measured>,
) -> Result<RunRehearsal> {
    let (device, interrupt) = (Device::shapes_of(layout), Interrupt::new());
    let mut context = RunContext::rehearsal(&device, seed, &interrupt);
    let models = run(&mut context)?;
    Ok(RunRehearsal {
        stages: context.into_rehearsals(),
        models,
        peak_bytes: device.peak_bytes(),
        pool_bytes: device.allocated_bytes(),
    })
}
