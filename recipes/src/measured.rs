//! How the finished models of a run did.

use std::collections::BTreeMap;

use limbeck_training::run_folder::{Evaluation, Metrics, Named};
use serde_json::Value;

use crate::dataset::RunData;
use crate::error::Result;
use crate::text::TextClassifier;

/// One row of figures per model on dev and on test. Size and speed stand with those on test, or
/// with those on dev where test was not read.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// On dev: what choices are made by.
    pub dev: Named<Metrics>,
    /// On test; none if the data were read without it.
    pub test: Option<Named<Metrics>>,
    /// Labels and confusion matrices on test, for the report.
    pub evaluation: Evaluation,
    /// What else stands in the results, under names of its own.
    pub more: BTreeMap<String, Value>,
}

impl Measured {
    /// Judges each model under its name.
    ///
    /// # Errors
    /// If the device failed.
    pub fn of(models: &[(&str, &TextClassifier)], data: &RunData) -> Result<Self> {
        let mut measured = Self::default();
        measured.evaluation.labels = data.labelled.classes.clone();
        for (name, classifier) in models {
            let (mut dev, _) = classifier.quality(&data.dev, &[])?;
            // It was chosen there.
            if let Some(c) = classifier.c() {
                dev = dev.rate("c", c);
            }
            let transductive = classifier.config().is_transductive();
            match &data.test {
                None => dev = classifier.with_cost(dev, &data.dev.texts)?,
                Some(test) => {
                    let (figures, matrix) = classifier.quality(&test.set, &test.unseen)?;
                    let figures = classifier.with_cost(figures, &test.set.texts)?;
                    measured.test.get_or_insert_default().set(*name, figures);
                    measured.evaluation.confusion.set(*name, matrix);
                }
            }
            measured.dev.set(*name, dev);
            if transductive {
                measured.amend(name, |row| row.count("transductive", 1));
            }
        }
        Ok(measured)
    }

    /// The rows of both, these first.
    #[must_use]
    pub fn followed_by(mut self, other: Self) -> Self {
        let append = |into: &mut Named<Metrics>, rows: &Named<Metrics>| {
            rows.iter()
                .for_each(|(name, row)| into.set(name, row.clone()));
        };
        append(&mut self.dev, &other.dev);
        if let Some(rows) = &other.test {
            append(self.test.get_or_insert_default(), rows);
        }
        for (name, matrix) in other.evaluation.confusion.iter() {
            self.evaluation.confusion.set(name, matrix.clone());
        }
        self.evaluation.labels = other.evaluation.labels;
        self.more.extend(other.more);
        self
    }

    /// Changes the rows of a model, if it has any.
    pub(crate) fn amend(&mut self, name: &str, change: impl Fn(Metrics) -> Metrics) {
        let tables = std::iter::once(&mut self.dev).chain(&mut self.test);
        for table in tables {
            if let Some(row) = table.get(name) {
                table.set(name, change(row.clone()));
            }
        }
    }
}
