//! The weights in a file, held against what an encoder needs.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use limbeck_training::model_file::ModelFile;

use super::names::{self, Made, Wanted};
use crate::error::{Error, Result};

/// Names in a message; more are counted.
const SHOWN: usize = 6;

/// An open file that has every tensor an encoder needs, in its shape.
pub(super) struct Weights {
    file: ModelFile,
    wanted: Vec<Wanted>,
    prefix: String,
    /// Tensors that are of no use here.
    pub(super) skipped: Vec<String>,
    /// Rows of the table of tokens.
    pub(super) tokens: usize,
}

impl Weights {
    /// Opens a file; `table` is its name for the table of tokens, whose prefix all have.
    ///
    /// # Errors
    /// [`Error::Model`] with the names of tensors that are missing, unknown or of another shape.
    pub(super) fn open(path: &Path, wanted: Vec<Wanted>, table: &str) -> Result<Self> {
        let file = ModelFile::open(path)?;
        let Some(prefix) = file.names().find_map(|name| name.strip_suffix(table)) else {
            let message = format!("has no tensor \"{table}\", with a prefix or without");
            return Err(Error::model(path, message));
        };
        let prefix = prefix.to_owned();
        let mut weights = Weights {
            file,
            wanted,
            prefix,
            skipped: Vec::new(),
            tokens: 0,
        };
        weights.check(path)?;
        let name = format!("{}{table}", weights.prefix);
        weights.tokens = weights.file.shape(&name).map_or(0, |shape| shape[0]);
        Ok(weights)
    }

    /// The name in the file of one of theirs.
    fn full(&self, name: &str) -> Option<String> {
        let with = format!("{}{name}", self.prefix);
        let old = || Some(format!("{}{}", self.prefix, names::old_name(name)?));
        let there = |name: &String| self.file.shape(name).is_some();
        Some(with).filter(there).or_else(|| old().filter(there))
    }

    fn check(&mut self, path: &Path) -> Result<()> {
        let (mut missing, mut misshapen, mut used) = (Vec::new(), Vec::new(), BTreeSet::new());
        for (name, shape) in self.wanted.iter().flat_map(|wanted| &wanted.theirs) {
            let Some(full) = self.full(name) else {
                missing.push(format!("{}{name}", self.prefix));
                continue;
            };
            let found = self.file.shape(&full).unwrap_or_default();
            let mut sizes = found.iter().zip(shape);
            // Without a row there is no first token type.
            let fits = found.len() == shape.len()
                && sizes.all(|(&n, expected)| n > 0 && expected.is_none_or(|size| size == n));
            if !fits {
                misshapen.push(format!(
                    "{full} is {found:?} in place of {}",
                    expected(shape)
                ));
            }
            used.insert(full);
        }
        let rest: Vec<String> = self
            .file
            .names()
            .filter(|name| !used.contains(*name))
            .map(String::from)
            .collect();
        let (skipped, unknown): (Vec<_>, Vec<_>) = rest
            .into_iter()
            .partition(|name| names::is_skipped(name, &self.prefix));
        self.skipped = skipped;
        let faults = [
            ("missing", missing),
            ("of another shape", misshapen),
            ("unknown", unknown),
        ];
        let faults: Vec<String> = faults
            .iter()
            .filter(|(_, names)| !names.is_empty())
            .map(|(what, names)| format!("{} {what}: {}", names.len(), listed(names)))
            .collect();
        match faults.is_empty() {
            true => Ok(()),
            false => Err(Error::model(
                path,
                format!(
                    "its tensors are not those of config.json: {}",
                    faults.join("; ")
                ),
            )),
        }
    }

    /// Refuses a table for another number of tokens than the tokeniser has.
    pub(super) fn require_tokens(&self, tokens: usize) -> Result<()> {
        if self.tokens == tokens {
            return Ok(());
        }
        let message = format!(
            "embeds {} tokens, but the tokeniser beside it has {tokens}: the files are of two models",
            self.tokens
        );
        Err(Error::model(self.file.path(), message))
    }

    /// Number of parameters, and of the tensors they are made of.
    pub(super) fn counts(&self) -> [usize; 2] {
        let theirs = self.wanted.iter().map(|wanted| wanted.theirs.len());
        [self.wanted.len(), theirs.sum()]
    }

    /// The values of all parameters, by our names.
    pub(super) fn read(&mut self) -> Result<HashMap<String, Vec<f32>>> {
        let wanted = std::mem::take(&mut self.wanted);
        let made = wanted
            .iter()
            .map(|wanted| Ok((wanted.ours.clone(), self.make(&wanted.made)?)));
        made.collect()
    }

    fn make(&mut self, made: &Made) -> Result<Vec<f32>> {
        match made {
            Made::Same(name) => Ok(self.tensor(name)?.0),
            Made::Joined(names) => {
                let mut all = Vec::new();
                for name in names {
                    all.extend(self.tensor(name)?.0);
                }
                Ok(all)
            }
            Made::Turned(names) => {
                let parts = names.iter().map(|name| self.tensor(name));
                Ok(turned(&parts.collect::<Result<Vec<_>>>()?))
            }
            Made::Positions {
                table,
                types,
                offset,
            } => {
                let (all, width) = self.tensor(table)?;
                let mut rows = all[offset * width..].to_vec();
                if let Some(types) = types {
                    let first = self.tensor(types)?.0;
                    for row in rows.chunks_exact_mut(width) {
                        row.iter_mut().zip(&first).for_each(|(x, y)| *x += y);
                    }
                }
                Ok(rows)
            }
        }
    }

    /// The values of one of theirs, and its columns.
    fn tensor(&mut self, name: &str) -> Result<(Vec<f32>, usize)> {
        let full = self.full(name).unwrap_or_else(|| name.to_owned());
        let columns = self
            .file
            .shape(&full)
            .and_then(|shape| shape.get(1))
            .copied();
        Ok((self.file.read(&full)?, columns.unwrap_or(1)))
    }
}

/// Matrices `[outputs, inputs]` as one, `[inputs, outputs of all]`.
fn turned(parts: &[(Vec<f32>, usize)]) -> Vec<f32> {
    let inputs = parts.first().map_or(0, |(_, inputs)| *inputs);
    let mut all = Vec::with_capacity(parts.iter().map(|(values, _)| values.len()).sum());
    for input in 0..inputs {
        for (values, _) in parts {
            all.extend(values.iter().skip(input).step_by(inputs));
        }
    }
    all
}

fn expected(shape: &[Option<usize>]) -> String {
    let side = |size: &Option<usize>| size.map_or("any".to_owned(), |size| size.to_string());
    format!(
        "[{}]",
        shape.iter().map(side).collect::<Vec<_>>().join(", ")
    )
}

fn listed(names: &[String]) -> String {
    let shown = names
        .iter()
        .take(SHOWN)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    match names.len() {
        0..=SHOWN => shown,
        count => format!("{shown} and {} more", count - SHOWN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrices_are_turned_and_put_side_by_side() {
        let (a, b) = ((vec![1.0, 2.0, 3.0, 4.0], 2), (vec![5.0, 6.0], 2));
        assert_eq!(turned(&[a, b]), [1.0, 3.0, 5.0, 2.0, 4.0, 6.0]);
    }
}
