//! A labelled data set: a folder with train, dev and test files.

use std::collections::BTreeSet;
use std::path::Path;

use super::options::ReadOptions;
use super::records::{Record, read_records};
use super::report::DatasetReport;
use super::source::{FileSummary, plain_or_compressed};
use crate::error::{DataError, Result};

/// Texts with their classes. `labels[i]` is an index into `classes`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelledSet {
    /// The texts, unchanged.
    pub texts: Vec<String>,
    /// The class of each text.
    pub labels: Vec<u32>,
    /// Names of the classes, sorted by byte order; the same list in train, dev and test.
    pub classes: Vec<String>,
}

impl LabelledSet {
    /// Number of texts.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The rows with these numbers, in this order.
    pub fn select(&self, rows: &[usize]) -> Self {
        Self {
            texts: rows.iter().map(|&row| self.texts[row].clone()).collect(),
            labels: rows.iter().map(|&row| self.labels[row]).collect(),
            classes: self.classes.clone(),
        }
    }

    /// Texts per class.
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        for &label in &self.labels {
            counts[label as usize] += 1;
        }
        counts
    }
}

/// Where a part of a data set comes from.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The file of this name, if the folder has it.
    IfPresent(String),
    /// The file of this name; an error if the folder does not have it.
    Named(String),
    /// Nothing, whatever the folder has.
    Nothing,
}

impl Part {
    /// The name of the file to read, if one is to be read.
    pub(crate) fn name_in(&self, folder: &Path) -> Option<&str> {
        match self {
            Self::Named(name) => Some(name),
            Self::IfPresent(name) => {
                let found = plain_or_compressed(folder.join(name)).exists();
                found.then_some(name)
            }
            Self::Nothing => None,
        }
    }
}

/// Refuses what is not a folder.
pub(crate) fn expect_folder(folder: &Path) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    Err(DataError::Missing {
        path: folder.into(),
        advice: "Expected the folder that holds the data files".into(),
    })
}

/// How a folder is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderOptions {
    /// The training file; default `train.tsv`.
    pub train: String,
    /// The dev part; default `dev.tsv` if present. Without one, see [`crate::split::dev_split`].
    pub dev: Part,
    /// The test part; default `test.tsv` if present.
    pub test: Part,
    /// Format and columns of all of them.
    pub read: ReadOptions,
}

impl Default for FolderOptions {
    fn default() -> Self {
        Self {
            train: "train.tsv".into(),
            dev: Part::IfPresent("dev.tsv".into()),
            test: Part::IfPresent("test.tsv".into()),
            read: ReadOptions::default(),
        }
    }
}

/// A data set in memory.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The training part.
    pub train: LabelledSet,
    /// The dev part, if a file was read for it.
    pub dev: Option<LabelledSet>,
    /// The test part, if a file was read for it.
    pub test: Option<LabelledSet>,
    /// The files read, in the order train, dev, test.
    pub files: Vec<FileSummary>,
    /// What a careful person should know about the data.
    pub report: DatasetReport,
}

/// Reads the train, dev and test files of a folder. A name that does not exist is also tried with
/// `.gz` appended. The classes are those of the training file.
///
/// # Errors
/// Whatever a file can be wrong about; [`DataError::OneClass`] and [`DataError::UnknownLabel`].
pub fn load_folder(folder: &Path, options: &FolderOptions) -> Result<Dataset> {
    expect_folder(folder)?;
    let mut files = Vec::new();
    let mut read = |name: &str| -> Result<(FileSummary, Vec<Record>)> {
        let path = plain_or_compressed(folder.join(name));
        let (records, summary) = read_records(&path, &options.read)?;
        files.push(summary.clone());
        Ok((summary, records))
    };
    let (train_file, train_records) = read(&options.train)?;
    let classes = classes_of(&train_file.path, &train_records)?;
    let mut optional = |part: &Part| -> Result<Option<(LabelledSet, Vec<usize>)>> {
        let Some(name) = part.name_in(folder) else {
            return Ok(None);
        };
        let (file, records) = read(name)?;
        label(&file.path, records, &classes).map(Some)
    };
    let dev = optional(&options.dev)?;
    let test = optional(&options.test)?;
    let train = label(&train_file.path, train_records, &classes)?;
    let report = DatasetReport::new(&train, dev.as_ref(), test.as_ref());
    Ok(Dataset {
        train: train.0,
        dev: dev.map(|d| d.0),
        test: test.map(|t| t.0),
        files,
        report,
    })
}

/// Reads one labelled file against known classes, such as those of a trained model.
///
/// # Errors
/// Whatever the file can be wrong about; [`DataError::UnknownLabel`].
pub fn load_labelled(
    path: &Path,
    options: &ReadOptions,
    classes: &[String],
) -> Result<(LabelledSet, FileSummary)> {
    let (records, summary) = read_records(path, options)?;
    Ok((label(path, records, classes)?.0, summary))
}

fn classes_of(path: &Path, records: &[Record]) -> Result<Vec<String>> {
    let classes: BTreeSet<&String> = records
        .iter()
        .filter_map(|record| record.label.as_ref())
        .collect();
    let classes: Vec<String> = classes.into_iter().cloned().collect();
    match classes.as_slice() {
        [] => Err(DataError::option(
            "columns.label",
            "the column of the labels",
            "nothing",
        )),
        [class] => Err(DataError::OneClass {
            path: path.into(),
            class: class.clone(),
        }),
        _ => Ok(classes),
    }
}

/// The set and the line of every text.
fn label(
    path: &Path,
    records: Vec<Record>,
    classes: &[String],
) -> Result<(LabelledSet, Vec<usize>)> {
    let mut set = LabelledSet {
        classes: classes.to_vec(),
        ..LabelledSet::default()
    };
    let mut lines = Vec::with_capacity(records.len());
    for record in records {
        let Some(label) = record.label else {
            let found = "nothing";
            return Err(DataError::option(
                "columns.label",
                "the column of the labels",
                found,
            ));
        };
        let class = classes
            .binary_search(&label)
            .map_err(|_| DataError::UnknownLabel {
                path: path.into(),
                line: record.line,
                known: list(classes),
                label,
            })?;
        set.labels.push(class as u32);
        set.texts.push(record.text);
        lines.push(record.line);
    }
    Ok((set, lines))
}

/// The first classes by name, the others by number.
pub(crate) fn list(classes: &[String]) -> String {
    const SHOWN: usize = 12;
    let mut list = classes
        .iter()
        .take(SHOWN)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if classes.len() > SHOWN {
        list.push_str(&format!(" and {} more", classes.len() - SHOWN));
    }
    list
}
