//! Mistakes made on purpose, one at a time, to see whether the case tables notice: `cargo xtask
//! mutants`.
//!
//! A mistake is made in a copy of the tree, the case tables of its operator are run there, and it is
//! taken back. A mistake that no case notices is a case that is missing.

mod cpu;
mod tree;
mod wgsl;

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Instant;

use tree::Tree;

/// A mistake: a text that stands once in a file of `kernels/src`, and what is put in its place.
#[derive(Clone, Copy, Debug)]
struct Mutant {
    file: &'static str,
    find: &'static str,
    replace: &'static str,
    breaks: &'static str,
    /// The operator whose cases must notice.
    operator: Option<&'static str>,
}

impl Mutant {
    const fn new(
        file: &'static str,
        find: &'static str,
        replace: &'static str,
        breaks: &'static str,
    ) -> Self {
        Mutant {
            file,
            find,
            replace,
            breaks,
            operator: None,
        }
    }

    /// Of a file that several operators share: the one whose cases must notice.
    const fn seen_by(mut self, operator: &'static str) -> Self {
        self.operator = Some(operator);
        self
    }

    fn operator(&self) -> &'static str {
        let folder = || self.file.split('/').next().unwrap_or_default();
        self.operator.unwrap_or_else(folder)
    }

    /// The file's text with the mistake in it.
    fn apply(&self, text: &str) -> Result<String, String> {
        match text.matches(self.find).count() {
            1 => Ok(text.replacen(self.find, self.replace, 1)),
            count => Err(format!(
                "kernels/src/{}: expected \"{}\" once, found it {count} times: change the list in \
                 xtask/src/mutants",
                self.file, self.find
            )),
        }
    }
}

impl std::fmt::Display for Mutant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}): {}", self.file, self.operator(), self.breaks)
    }
}

/// All mistakes, those of the CPU and of the shaders in turn, so that the first few are of both.
fn all() -> Vec<Mutant> {
    let longer = cpu::MUTANTS.len().max(wgsl::MUTANTS.len());
    let both = |i| [cpu::MUTANTS.get(i), wgsl::MUTANTS.get(i)];
    let mutants = (0..longer).flat_map(both).flatten();
    mutants.copied().collect()
}

/// What the command line asks for.
#[derive(Debug, Default, PartialEq)]
struct Options {
    list: bool,
    only: Option<String>,
    jobs: Option<usize>,
    together: bool,
}

const USAGE: &str = "\
cargo xtask mutants [--list] [--only N|N-M|NAME] [--jobs N] [--together]
  --list      print the mistakes and their numbers
  --only      the mistake of this number, those from one number to another, or those of this operator
  --jobs      jobs of a build
  --together  build mistakes of operators that do not know each other at once: as many runs, fewer builds";

impl Options {
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options = Options::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || {
                let value = arguments.next();
                value.ok_or_else(|| format!("{argument} needs a value\n{USAGE}"))
            };
            match argument.as_str() {
                "--list" => options.list = true,
                "--together" => options.together = true,
                "--only" => options.only = Some(value()?.clone()),
                "--jobs" => {
                    let jobs = value()?.parse().ok().filter(|jobs| *jobs > 0);
                    options.jobs =
                        Some(jobs.ok_or(format!("--jobs: expected 1 or more\n{USAGE}"))?);
                }
                other => return Err(format!("unknown argument \"{other}\"\n{USAGE}")),
            }
        }
        Ok(options)
    }

    /// The mistakes asked for, with their numbers.
    fn chosen(&self) -> Result<Vec<(usize, Mutant)>, String> {
        let mut chosen: Vec<(usize, Mutant)> = (1..).zip(all()).collect();
        if let Some(only) = &self.only {
            let numbers = numbers(only);
            chosen.retain(|(number, m)| numbers.contains(number) || m.operator() == only);
        }
        match chosen.is_empty() {
            true => Err(format!("--only: there is no mistake {:?}", self.only)),
            false => Ok(chosen),
        }
    }
}

/// The numbers that `N` or `N-M` means; none of any other text.
fn numbers(text: &str) -> RangeInclusive<usize> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) => first..=last,
        _ => RangeInclusive::new(1, 0),
    }
}

/// Runs `cargo xtask mutants`.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let options = Options::parse(arguments)?;
    let chosen = options.chosen()?;
    if options.list {
        for (number, mutant) in chosen {
            println!("{number:>3}  {mutant}");
        }
        return Ok(());
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let tree = Tree::copy(&root, options.jobs)?;
    let started = Instant::now();
    let mut survivors = Vec::new();
    let rounds = rounds(&root, &chosen, options.together)?;
    println!("{} mistakes, {} builds", chosen.len(), rounds.len());
    let first = chosen[0].1.operator();
    let one = chosen.iter().all(|(_, m)| m.operator() == first);
    tree.baseline(one.then_some(first))?;
    for round in rounds {
        survivors.extend(tree.run(&round, |number, mutant, verdict| {
            println!("{number:>3}  {verdict:<9}  {mutant}");
        })?);
    }
    let caught = chosen.len() - survivors.len();
    println!(
        "{caught} of {} mistakes caught, {:.0?}",
        chosen.len(),
        started.elapsed()
    );
    match survivors.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "not caught: {survivors:?}; each is a case that is missing"
        )),
    }
}

/// Mistakes that are built at once, with their numbers.
type Round = Vec<(usize, Mutant)>;

/// Divides mistakes into rounds. In a round each operator has one at most, and none that another of
/// the round uses, so that the cases of an operator see its own mistake alone.
fn rounds(root: &Path, chosen: &[(usize, Mutant)], together: bool) -> Result<Vec<Round>, String> {
    // With the folders that a round's operators use.
    let mut rounds: Vec<(BTreeSet<String>, Round)> = Vec::new();
    for &(number, mutant) in chosen {
        let known = knows(root, mutant.operator())?;
        // What is shared is used by all.
        let alone = !together || mutant.operator.is_some();
        let fits = |(used, round): &&mut (BTreeSet<String>, Round)| {
            let meets = |(_, other): &(usize, Mutant)| {
                other.operator.is_some() || known.contains(other.operator())
            };
            !alone && !used.contains(mutant.operator()) && !round.iter().any(meets)
        };
        match rounds.iter_mut().find(fits) {
            Some((used, round)) => {
                used.extend(known);
                round.push((number, mutant));
            }
            None => rounds.push((known, vec![(number, mutant)])),
        }
    }
    Ok(rounds.into_iter().map(|(_, round)| round).collect())
}

/// The folders whose code an operator uses, its own included.
fn knows(root: &Path, operator: &str) -> Result<BTreeSet<String>, String> {
    let (mut known, mut left) = (BTreeSet::new(), vec![operator.to_owned()]);
    let folders = tree::folders(&root.join("kernels/src"))?;
    while let Some(name) = left.pop() {
        if !known.insert(name.clone()) {
            continue;
        }
        let mut text = String::new();
        for file in tree::files(&root.join("kernels/src").join(&name))? {
            text += &read(&file)?;
        }
        let used = |folder: &&String| {
            let paths = [format!("crate::{folder}::"), format!("../{folder}/")];
            // `crate::{harness, ...}` and names that the crate exports are of no folder alone.
            paths.iter().any(|path| text.contains(path))
        };
        let aside = ["harness", "shared"];
        let others = folders
            .iter()
            .filter(|folder| !aside.contains(&folder.as_str()));
        left.extend(others.filter(used).cloned());
    }
    // The updates are tried with gradients that are measured, which their scenario imports.
    if ["adamw", "sgd", "conjugate_gradient"].contains(&operator) {
        known.insert("clip_norm".into());
    }
    Ok(known)
}

fn read(path: &PathBuf) -> Result<String, String> {
    std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))
}

#[cfg(test)]
mod tests;
