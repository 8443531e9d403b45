//! `report`: finished runs side by side.

use std::path::{Path, PathBuf};

use limbeck_recipes::config::{self, Run};
use limbeck_training::compare::Finished;
use limbeck_training::report::{ComparedRun, Comparison, Report};
use limbeck_training::run_folder::{ModelResults, Results, RunPaths};

use super::{Error, Result};

/// Which part of the data figures are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// The development set, by which choices are made.
    Dev,
    /// The test set.
    Test,
}

impl Split {
    /// Its name in `results.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Test => "test",
        }
    }
}

/// Reads finished runs. Runs whose configurations differ in nothing but the seed (and the run that
/// the teacher was taken from) form one arm, which is called after its first run folder without
/// the seed at its end.
///
/// # Errors
/// If a folder has no finished run, or has not been judged on this split; if one arm has the same
/// seed twice.
pub fn finished_runs(folders: &[PathBuf], split: Split) -> Result<Vec<Finished>> {
    let mut arms: Vec<(String, String)> = Vec::new();
    let mut runs: Vec<Finished> = Vec::new();
    for folder in folders {
        let paths = RunPaths::new(folder);
        let run = config::load(&paths.config(), &[])?;
        let (configuration, seed) = without_seed(run);
        let known = arms.iter().find(|(known, _)| *known == configuration);
        let arm = known.map_or_else(|| arm_name(folder, seed), |(_, name)| name.clone());
        arms.push((configuration, arm.clone()));
        if runs.iter().any(|run| (&run.arm, run.seed) == (&arm, seed)) {
            return Err(Error::Usage(format!(
                "{}: seed {seed} of \"{arm}\" is there already",
                folder.display()
            )));
        }
        let models = models(folder, &paths, split)?;
        runs.push(Finished { arm, seed, models });
    }
    Ok(runs)
}

/// The same with everything that the folders have, for a page.
///
/// # Errors
/// As [`finished_runs`], and if a file of a folder is damaged.
pub fn compared_runs(folders: &[PathBuf], split: Split, baseline: &str) -> Result<Comparison> {
    let finished = finished_runs(folders, split)?.into_iter().zip(folders);
    let run = |(finished, folder): (Finished, &PathBuf)| -> Result<ComparedRun> {
        Ok(ComparedRun {
            name: folder.display().to_string(),
            finished,
            report: Report::read(&RunPaths::new(folder))?,
        })
    };
    Ok(Comparison {
        runs: finished.map(run).collect::<Result<_>>()?,
        split: split.name(),
        baseline: baseline.into(),
    })
}

/// A page about one run, which need not be finished, or about several side by side.
///
/// # Errors
/// If a folder has no run; of several as [`compared_runs`].
pub fn report_page(folders: &[PathBuf], split: Split, baseline: &str) -> Result<String> {
    match folders {
        [folder] => Ok(Report::read(&RunPaths::new(folder))?.to_html()),
        _ => Ok(compared_runs(folders, split, baseline)?.to_html()),
    }
}

fn models(
    folder: &Path,
    paths: &RunPaths,
    split: Split,
) -> Result<Vec<(String, limbeck_training::run_folder::Metrics)>> {
    let results = Results::read(paths)?.ok_or_else(|| {
        Error::Usage(format!(
            "{} is not finished: it has no results.json",
            folder.display()
        ))
    })?;
    let found: Option<ModelResults> = match split {
        Split::Dev => results.dev,
        Split::Test => results.test,
    };
    let found = found.ok_or_else(|| {
        Error::Usage(format!(
            "{} has no figures on {}: resume it, with or without --no-test",
            folder.display(),
            split.name()
        ))
    })?;
    let rows = found.rows().into_iter();
    Ok(rows
        .map(|(name, metrics)| (name.to_string(), metrics.clone()))
        .collect())
}

/// The configuration that the runs of an arm share, and the seed.
fn without_seed(mut run: Run) -> (String, u64) {
    let seed = match &mut run {
        Run::Train(run) => std::mem::take(&mut run.seed),
        Run::NceLm(run) => std::mem::take(&mut run.seed),
        Run::GateMixup(run) => std::mem::take(&mut run.seed),
        Run::Relay(run) => std::mem::take(&mut run.seed),
        Run::UnitSelect(run) => std::mem::take(&mut run.seed),
        Run::Layerwise(run) => {
            // The teacher's run has the student's seed, hence a folder for every seed.
            run.teacher_run = PathBuf::from(if run.teacher_run.as_os_str().is_empty() {
                ""
            } else {
                "given"
            });
            std::mem::take(&mut run.seed)
        }
    };
    (run.to_toml(), seed)
}

/// `runs/mr-tuned-3` with seed 3 is a run of `mr-tuned`.
fn arm_name(folder: &Path, seed: u64) -> String {
    let name = folder
        .file_name()
        .unwrap_or(folder.as_os_str())
        .to_string_lossy();
    let stem = name.strip_suffix(&seed.to_string()).unwrap_or(&name);
    let stem = stem.trim_end_matches(['-', '_', '.']);
    if stem.is_empty() {
        name.into_owned()
    } else {
        stem.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arm_is_named_after_its_folder_without_the_seed() {
        for (folder, seed, name) in [
            ("runs/mr-tuned-3", 3, "mr-tuned"),
            ("mr_12", 12, "mr"),
            ("mr-tuned", 3, "mr-tuned"),
            ("3", 3, "3"),
        ] {
            assert_eq!(arm_name(Path::new(folder), seed), name);
        }
    }
}
