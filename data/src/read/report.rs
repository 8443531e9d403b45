//! What a careful person should know about a data set before training on it.

use std::fmt;

use super::dataset::LabelledSet;
use crate::error::excerpt;
use crate::split::{absent_from_train, groups};

/// A text that occurs with more than one label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The text at its first occurrence.
    pub text: String,
    /// Line in the training file and label of each occurrence.
    pub occurrences: Vec<(usize, String)>,
}

/// Figures about one part of a data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartReport {
    /// `train`, `dev` or `test`.
    pub name: &'static str,
    /// Number of texts.
    pub texts: usize,
    /// Texts per class, with the name of the class.
    pub per_class: Vec<(String, usize)>,
    /// Texts without any character but white space.
    pub empty: usize,
    /// Texts that repeat an earlier one of the same part.
    pub repeated: usize,
    /// Texts that also stand in train (0 for train itself).
    pub in_train: usize,
    /// Characters of the longest text.
    pub longest: usize,
}

/// Figures and oddities of a data set; none of them is an error. `Display` prints some lines for
/// a person. Texts count as equal after [`crate::normalise`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetReport {
    /// The parts that were read.
    pub parts: Vec<PartReport>,
    /// Training texts that occur with more than one label.
    pub conflicts: Vec<Conflict>,
}

/// A part and the line of each of its texts.
type Located = (LabelledSet, Vec<usize>);

impl DatasetReport {
    pub(crate) fn new(train: &Located, dev: Option<&Located>, test: Option<&Located>) -> Self {
        let others = [("dev", dev), ("test", test)];
        let others = others
            .into_iter()
            .filter_map(|(name, part)| part.map(|part| (name, part)));
        let parts = std::iter::once(part_report("train", &train.0, 0)).chain(others.map(
            |(name, (set, _))| {
                let absent = absent_from_train(&train.0.texts, &set.texts);
                part_report(name, set, absent.iter().filter(|&&absent| !absent).count())
            },
        ));
        Self {
            parts: parts.collect(),
            conflicts: conflicts(train),
        }
    }

    /// The report of data that come from no file: line numbers are row numbers from 1.
    pub fn of_sets(
        train: &LabelledSet,
        dev: Option<&LabelledSet>,
        test: Option<&LabelledSet>,
    ) -> Self {
        let located = |set: &LabelledSet| (set.clone(), (1..=set.len()).collect());
        Self::new(
            &located(train),
            dev.map(located).as_ref(),
            test.map(located).as_ref(),
        )
    }
}

fn part_report(name: &'static str, set: &LabelledSet, in_train: usize) -> PartReport {
    PartReport {
        name,
        texts: set.len(),
        per_class: set
            .classes
            .iter()
            .cloned()
            .zip(set.class_counts())
            .collect(),
        empty: set
            .texts
            .iter()
            .filter(|text| text.trim().is_empty())
            .count(),
        repeated: set.len() - groups(&set.texts).len(),
        in_train,
        longest: set
            .texts
            .iter()
            .map(|text| text.chars().count())
            .max()
            .unwrap_or(0),
    }
}

fn conflicts((set, lines): &Located) -> Vec<Conflict> {
    groups(&set.texts)
        .iter()
        .filter(|rows| {
            rows.iter()
                .any(|&row| set.labels[row] != set.labels[rows[0]])
        })
        .map(|rows| Conflict {
            text: set.texts[rows[0]].clone(),
            occurrences: rows
                .iter()
                .map(|&row| (lines[row], set.classes[set.labels[row] as usize].clone()))
                .collect(),
        })
        .collect()
}

impl fmt::Display for DatasetReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const CONFLICTS_SHOWN: usize = 5;
        for part in &self.parts {
            write!(
                f,
                "{:<5} {} texts, longest {} characters",
                part.name, part.texts, part.longest
            )?;
            let smallest = part.per_class.iter().min_by_key(|(_, count)| *count);
            let largest = part.per_class.iter().max_by_key(|(_, count)| *count);
            if let (Some((small, fewest)), Some((large, most))) = (smallest, largest) {
                write!(f, ", classes from {fewest} ({small}) to {most} ({large})")?;
            }
            for (count, what) in [
                (part.repeated, "repeated"),
                (part.in_train, "also in train"),
                (part.empty, "empty"),
            ] {
                if count > 0 {
                    write!(f, ", {count} {what}")?;
                }
            }
            writeln!(f)?;
        }
        if !self.conflicts.is_empty() {
            writeln!(
                f,
                "{} training texts occur with two labels or more:",
                self.conflicts.len()
            )?;
        }
        for conflict in self.conflicts.iter().take(CONFLICTS_SHOWN) {
            let places: Vec<String> = conflict
                .occurrences
                .iter()
                .map(|(line, label)| format!("{label} (line {line})"))
                .collect();
            writeln!(f, "  {}: {}", excerpt(&conflict.text), places.join(", "))?;
        }
        Ok(())
    }
}
