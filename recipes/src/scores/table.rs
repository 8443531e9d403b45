//! Scores by text, in the order of a data set's classes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::{ScoreFile, TextKey, text_key};
use crate::error::{Error, Result};

/// The scores of a file, to be looked up.
#[derive(Clone, Debug)]
pub struct ScoreTable {
    path: PathBuf,
    rows: HashMap<TextKey, usize>,
    logits: Vec<f32>,
    classes: usize,
}

impl ScoreTable {
    /// Reads a file of scores for these classes, in whatever order it has them.
    ///
    /// # Errors
    /// Those of [`ScoreFile::read`]; a class that only one of the two has; one text with two
    /// different rows.
    pub fn read(path: &Path, classes: &[String]) -> Result<Self> {
        let file = ScoreFile::read(path)?;
        let order = order(&file.head.labels, classes).map_err(|m| Error::model(path, m))?;
        let mut rows: HashMap<TextKey, usize> = HashMap::new();
        let all: Vec<&[f32]> = file.rows().collect();
        let mut logits = Vec::with_capacity(file.logits.len());
        for (row, key) in file.keys.iter().enumerate() {
            logits.extend(order.iter().map(|&place| all[row][place]));
            let first = *rows.entry(*key).or_insert(row);
            if all[first] != all[row] {
                return Err(Error::model(
                    path,
                    format!(
                        "{} and {} have different scores for one text: leave out one of them",
                        file.place(first),
                        file.place(row)
                    ),
                ));
            }
        }
        Ok(ScoreTable {
            path: path.into(),
            rows,
            logits,
            classes: classes.len(),
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The logits of a text, a number for each class; none if the file does not have it.
    pub fn get(&self, text: &str) -> Option<&[f32]> {
        let row = *self.rows.get(&text_key(text))?;
        Some(&self.logits[row * self.classes..(row + 1) * self.classes])
    }
}

/// For each class its place among the labels of the file; what does not agree otherwise.
fn order(labels: &[String], classes: &[String]) -> std::result::Result<Vec<usize>, String> {
    let unknown = labels.iter().find(|label| !classes.contains(label));
    let places = classes.iter().map(|class| {
        let place = labels.iter().position(|label| label == class);
        place.ok_or(class)
    });
    match (unknown, places.collect::<std::result::Result<_, _>>()) {
        (None, Ok(order)) => Ok(order),
        (Some(label), _) => Err(format!(
            "has scores for the label {label:?}, which the data do not have: their labels are {}",
            classes.join(", ")
        )),
        (None, Err(class)) => Err(format!(
            "has no scores for the class {class:?} of the data: its labels are {}",
            labels.join(", ")
        )),
    }
}
