//! What all tasks share: device, threads, run folder, provenance, results.

use std::path::{Path, PathBuf};
use std::time::Instant;

use limbeck_engine::{Device, instruction_set};
use limbeck_recipes::config::{self, ConfigError, Run};
use limbeck_recipes::nce_lm::LanguageData;
use limbeck_recipes::relay::RelayData;
use limbeck_recipes::unit_select::UnitData;
use limbeck_recipes::{Measured, RunContext, RunData};
use limbeck_training::TrainingError;
use limbeck_training::checkpoint::Fingerprint;
use limbeck_training::files::write_atomic;
use limbeck_training::interrupt::Interrupt;
use limbeck_training::run_folder::{DataFile, Existing, Results, RunFolder, RunInfo, RunPaths};

use super::finish;
use super::log::LogInFolder;
use super::threads::in_threads;
use super::{Result, RunOptions};

/// The data of a run, whatever its task.
pub(super) trait Inputs {
    /// The files that were read.
    fn files(&self) -> &[DataFile];
    /// What a careful person should know about them.
    fn report(&self) -> &str;
}

impl Inputs for RunData {
    fn files(&self) -> &[DataFile] {
        &self.files
    }

    fn report(&self) -> &str {
        &self.report
    }
}

impl Inputs for RelayData {
    fn files(&self) -> &[DataFile] {
        &self.files
    }

    fn report(&self) -> &str {
        &self.report
    }
}

impl Inputs for UnitData {
    fn files(&self) -> &[DataFile] {
        &self.files
    }

    fn report(&self) -> &str {
        &self.report
    }
}

impl Inputs for LanguageData {
    fn files(&self) -> &[DataFile] {
        &self.files
    }

    fn report(&self) -> &str {
        &self.report
    }
}

/// What a task does with its data.
pub(super) trait Work: Sync {
    /// Its data.
    type Data: Inputs;

    /// Reads the data, without test if it is not to be read.
    fn read(&self, with_test: bool) -> Result<Self::Data>;

    /// Trains, and judges what was trained.
    fn run(&self, data: &Self::Data, context: &mut RunContext<'_>) -> Result<Measured>;

    /// Judges the models of a finished run, whose figures these are, on test too.
    fn judge(
        &self,
        data: &Self::Data,
        results: &Results,
        device: &Device,
        paths: &RunPaths,
    ) -> Result<Measured>;
}

/// Runs a task in its run folder, inside a pool of the threads asked for.
pub(super) fn in_run_folder(run: &Run, options: &RunOptions, work: &impl Work) -> Result<Results> {
    in_threads(options.threads, || run_task(run, options, work))
}

fn run_task(run: &Run, options: &RunOptions, work: &impl Work) -> Result<Results> {
    let start = Instant::now();
    let (seed, device) = (run.seed(), options.device.open()?);
    let data = work.read(!options.no_test)?;
    let folder = open_folder(run, options)?;
    let paths = folder.paths();
    let _log = LogInFolder::open(paths)?;
    tracing::info!("{}", data.report().trim_end());
    if options.resume && paths.config().exists() {
        require_same(run, data.files(), paths)?;
    } else {
        write_provenance(run, seed, &device, data.files(), paths)?;
    }
    if let Some(results) = Results::read(paths)? {
        if results.test.is_none() && !options.no_test {
            let measured = work.judge(&data, &results, &device, paths)?;
            return finish::write(run, results, measured, paths);
        }
        tracing::info!("{} is finished already", paths.root().display());
        return Ok(results);
    }
    let interrupt = Interrupt::on_ctrl_c()?;
    let fingerprint = fingerprint(run)?;
    let resume = options.resume;
    let mut context = RunContext::in_folder(&device, seed, &interrupt, paths, fingerprint, resume)?;
    let measured = work.run(&data, &mut context)?;
    let results = Results {
        seed,
        device: device.name().into(),
        adapter: device.adapter().map(String::from),
        dispatches: dispatches(&device),
        seconds: start.elapsed().as_secs_f64(),
        ..Results::default()
    };
    finish::write(run, results, measured, paths)
}

fn open_folder(run: &Run, options: &RunOptions) -> Result<RunFolder> {
    match &options.out {
        Some(out) if options.resume => Ok(RunFolder::resume(out)?),
        Some(out) => Ok(RunFolder::create(out, Existing::Refuse)?),
        None => Ok(RunFolder::create(
            &new_folder(&run.task().to_string()),
            Existing::Refuse,
        )?),
    }
}

/// The first of `runs/NAME`, `runs/NAME-2`, `runs/NAME-3` ... that does not exist.
pub(super) fn new_folder(name: &str) -> PathBuf {
    let runs = Path::new("runs");
    let numbered = (2u32..).map(|n| runs.join(format!("{name}-{n}")));
    std::iter::once(runs.join(name))
        .chain(numbered)
        .find(|path| !path.exists())
        .unwrap_or_else(|| runs.join(name))
}

/// A run may find its files elsewhere when it goes on, and may save memory that it did not save before.
fn fingerprint(run: &Run) -> Result<Fingerprint> {
    let free = [
        "data.dir",
        "pairs.translations",
        "model.cache",
        "teacher.cache",
        "teacher.file",
        "student.cache",
        "model.gradient_checkpointing",
        "teacher.gradient_checkpointing",
        "student.gradient_checkpointing",
        "beside_teacher.gradient_checkpointing",
        "teacher_a.gradient_checkpointing",
        "teacher_b.gradient_checkpointing",
    ];
    Ok(Fingerprint::of(run, &free)?)
}

/// Refuses to go on with a run that was started with another configuration or on other data. Test
/// files that were left unread so far join the others in `run.json`.
fn require_same(run: &Run, files: &[DataFile], paths: &RunPaths) -> Result<()> {
    let path = paths.config();
    let started = fingerprint(&config::load(&path, &[])?)?;
    if let Some(difference) = fingerprint(run)?.first_difference(&started) {
        let message = format!(
            "the run was started with another configuration: {difference}. Set it back, or start \
             a new run"
        );
        return Err(ConfigError::new(path.display().to_string(), message).into());
    }
    let mut info = RunInfo::read(paths)?;
    let had_test = info.data.iter().any(|file| file.role == "test");
    let test = files.iter().filter(|file| file.role == "test");
    let first_read: Vec<DataFile> = test.filter(|_| !had_test).cloned().collect();
    let nothing_new = first_read.is_empty();
    info.data.extend(first_read);
    match changed(files, &info.data) {
        None if nothing_new => Ok(()),
        None => Ok(info.write(paths)?),
        Some(changed) => Err(TrainingError::Data(format!(
            "{}: the {} data are not those the run was started on (another checksum than in \
             run.json). Bring them back, or start a new run",
            changed.path, changed.role
        ))
        .into()),
    }
}

/// The first file whose predecessor in its role, when the run was started, had another checksum.
fn changed<'a>(now: &'a [DataFile], before: &[DataFile]) -> Option<&'a DataFile> {
    let mut before: Vec<&DataFile> = before.iter().collect();
    now.iter().find(|file| {
        let place = before.iter().position(|old| old.role == file.role);
        place.is_none_or(|place| before.remove(place).sha256 != file.sha256)
    })
}

fn write_provenance(
    run: &Run,
    seed: u64,
    device: &Device,
    files: &[DataFile],
    paths: &RunPaths,
) -> Result<()> {
    let task = run.task().to_string();
    let command: Vec<String> = std::env::args().map(quoted).collect();
    let mut info = RunInfo::new(&command.join(" "), &task, seed);
    info.device = device.name().into();
    info.adapter = device.adapter().map(String::from);
    info.instruction_set = instruction_set().name().into();
    info.data = files.to_vec();
    info.write(paths)?;
    Ok(write_atomic(&paths.config(), run.to_toml().as_bytes())?)
}

/// An argument as a shell takes it back.
fn quoted(argument: String) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_=+.,:/%@".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        return argument;
    }
    format!("'{}'", argument.replace('\'', r"'\''"))
}

fn dispatches(device: &Device) -> u64 {
    #[cfg(feature = "gpu")]
    if let Some(gpu) = device.gpu_handle() {
        return gpu.counters().dispatches;
    }
    let _ = device;
    0
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_shell_takes_the_command_back() {
        let cases = [
            ("--seed", "--seed"),
            ("data.dir=a/b-1.tsv", "data.dir=a/b-1.tsv"),
            ("training.length=10 steps", "'training.length=10 steps'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
        ];
        for (argument, expected) in cases {
            assert_eq!(quoted(argument.into()), expected);
        }
    }
}
