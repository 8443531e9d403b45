//! The copy of the tree in which mistakes are made.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Mutant, read};

/// A copy of the working tree. It is removed in the end, whatever happens.
pub(super) struct Tree {
    root: PathBuf,
    target: PathBuf,
    jobs: Option<usize>,
}

/// What became of a mistake.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verdict {
    /// A case noticed it.
    Caught,
    /// None did.
    Survived,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Verdict::Caught => "caught",
            Verdict::Survived => "SURVIVED",
        })
    }
}

impl Tree {
    /// Copies the tree beside what is built of it.
    pub(super) fn copy(root: &Path, jobs: Option<usize>) -> Result<Self, String> {
        let root = fs::canonicalize(root).map_err(|error| error.to_string())?;
        let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
        let target = target.unwrap_or_else(|| root.join("target"));
        let tree = Tree {
            root: target.join("mutants"),
            // Dependencies are built there already.
            target: target.clone(),
            jobs,
        };
        tree.remove()?;
        copy_folder(&root, &tree.root, &target)?;
        Ok(tree)
    }

    /// Runs the cases without a mistake, of one operator or of all.
    ///
    /// # Errors
    /// If they fail: nothing could be said of a mistake.
    pub(super) fn baseline(&self, operator: Option<&str>) -> Result<(), String> {
        match self.cargo(&[], operator)? {
            true => Ok(()),
            false => Err("the case tables fail without any mistake".into()),
        }
    }

    /// Makes the mistakes of a round, runs the cases of each one's operator, and takes them back;
    /// returns the numbers of those that survived.
    pub(super) fn run(
        &self,
        round: &[(usize, Mutant)],
        mut report: impl FnMut(usize, &Mutant, Verdict),
    ) -> Result<Vec<usize>, String> {
        let mut originals = Vec::new();
        for (_, mutant) in round {
            let path = self.root.join("kernels/src").join(mutant.file);
            let text = read(&path)?;
            write(&path, &mutant.apply(&text)?)?;
            originals.push((path, text));
        }
        let outcome = self.verdicts(round, &mut report);
        for (path, text) in originals.iter().rev() {
            write(path, text)?;
        }
        outcome
    }

    fn verdicts(
        &self,
        round: &[(usize, Mutant)],
        report: &mut dyn FnMut(usize, &Mutant, Verdict),
    ) -> Result<Vec<usize>, String> {
        // A mistake that does not compile proves nothing.
        if !self.cargo(&["--no-run"], None)? {
            let numbers: Vec<usize> = round.iter().map(|(number, _)| *number).collect();
            return Err(format!("mistakes {numbers:?} do not compile"));
        }
        let mut survivors = Vec::new();
        for (number, mutant) in round {
            let verdict = match self.cargo(&[], Some(mutant.operator()))? {
                true => Verdict::Survived,
                false => Verdict::Caught,
            };
            report(*number, mutant, verdict);
            if verdict == Verdict::Survived {
                survivors.push(*number);
            }
        }
        Ok(survivors)
    }

    /// Whether the case tables of an operator pass, or are built.
    fn cargo(&self, arguments: &[&str], operator: Option<&str>) -> Result<bool, String> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command
            .current_dir(&self.root)
            .args(["test", "--quiet", "--package", "limbeck-kernels"])
            .args(["--features", "gpu", "--test", "case_tables"])
            .args(arguments)
            .env("CARGO_TARGET_DIR", &self.target)
            // cargo tells copies of a workspace apart by their settings alone. With one that nobody
            // else uses, no mistake is ever linked into what is built of the working tree; that of
            // the dependencies stands in Cargo.toml and stays the same.
            .env("CARGO_PROFILE_DEV_DEBUG", "line-directives-only")
            .env("LIMBECK_REQUIRE_GPU", "1")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Some(jobs) = self.jobs {
            command.args(["--jobs", &jobs.to_string()]);
        }
        if let Some(operator) = operator {
            command.env("LIMBECK_OPERATOR", operator);
        }
        let status = command.status();
        let status = status.map_err(|error| format!("could not start cargo: {error}"))?;
        Ok(status.success())
    }

    fn remove(&self) -> Result<(), String> {
        match fs::remove_dir_all(&self.root) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(format!("cannot remove {}: {error}", self.root.display()))
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        if let Err(message) = self.remove() {
            eprintln!("{message}");
        }
    }
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// The entries of a folder.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |error| format!("cannot read {}: {error}", folder.display());
    let entries = fs::read_dir(folder).map_err(failed)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()).map_err(failed));
    paths.collect()
}

/// The names of the folders in a folder.
pub(super) fn folders(folder: &Path) -> Result<Vec<String>, String> {
    let folders = entries(folder)?.into_iter().filter(|path| path.is_dir());
    let names = folders.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()));
    Ok(names.collect())
}

/// The files of a folder.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = entries(folder)?.into_iter();
    Ok(entries.filter(|path| path.is_file()).collect())
}

/// Copies a folder without what is hidden (but cargo's own settings) and what was built.
fn copy_folder(from: &Path, to: &Path, target: &Path) -> Result<(), String> {
    let failed = |error| {
        format!(
            "cannot copy {} to {}: {error}",
            from.display(),
            to.display()
        )
    };
    fs::create_dir_all(to).map_err(failed)?;
    for path in entries(from)? {
        let Some(name) = path.file_name() else {
            continue;
        };
        let hidden = name.to_string_lossy().starts_with('.') && name != ".cargo";
        if hidden || name == "target" || path == target {
            continue;
        }
        if path.is_dir() {
            copy_folder(&path, &to.join(name), target)?;
        } else if path.is_file() {
            fs::copy(&path, to.join(name)).map_err(failed)?;
        }
    }
    Ok(())
}
