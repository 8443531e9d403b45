//! How the finished models of a run did.

use std::collections::BTreeMap;

use limbeck_data::read::LabelledSet;
use limbeck_training::predictions::{Answer, AnswerKind, Predictions, Sample};
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
    /// What the models said of every sample of dev, and of test if it was read.
    pub predictions: Vec<Predictions>,
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
            let (mut dev, judged) = classifier.judged(&data.dev, &[])?;
            measured.keep(name, judged.answers, "dev", |split| {
                samples(split, &data.dev)
            });
            // It was chosen there.
            if let Some(c) = classifier.c() {
                dev = dev.rate("c", c);
            }
            let transductive = classifier.config().is_transductive();
            match &data.test {
                None => dev = classifier.with_cost(dev, &data.dev.texts)?,
                Some(test) => {
                    let (figures, judged) = classifier.judged(&test.set, &test.unseen)?;
                    measured.keep(name, judged.answers, "test", |split| {
                        samples(split, &test.set)
                    });
                    let figures = classifier.with_cost(figures, &test.set.texts)?;
                    measured.test.get_or_insert_default().set(*name, figures);
                    measured.evaluation.confusion.set(*name, judged.confusion);
                }
            }
            measured.dev.set(*name, dev);
            if transductive {
                measured.amend(name, |row| row.count("transductive", 1));
            }
        }
        Ok(measured)
    }

    /// Keeps the answers of a model to the samples of a split.
    pub(crate) fn keep(
        &mut self,
        name: &str,
        answers: Vec<Answer>,
        split: &str,
        samples: impl FnOnce(&str) -> Predictions,
    ) {
        if answers.is_empty() {
            return;
        }
        let place = self.predictions.iter().position(|set| set.split == split);
        let place = place.unwrap_or_else(|| {
            self.predictions.push(samples(split));
            self.predictions.len() - 1
        });
        self.predictions[place].models.set(name, answers);
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
        for set in other.predictions {
            let split = set.split.clone();
            for (name, answers) in set.models.iter() {
                self.keep(name, answers.clone(), &split, |_| set.clone());
            }
        }
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

/// Labelled texts, without an answer yet.
pub(crate) fn samples(split: &str, set: &LabelledSet) -> Predictions {
    let class = |label: &u32| set.classes[*label as usize].as_str();
    let truths: Vec<&str> = set.labels.iter().map(class).collect();
    let sample = |(text, &label): (&String, &u32)| Sample {
        truth: Some(label),
        text: Some(text.clone()),
        ..Sample::default()
    };
    let all = set.texts.iter().zip(&set.labels).map(sample).collect();
    Predictions::new(
        split,
        AnswerKind::Classes,
        set.classes.clone(),
        all,
        &truths,
    )
}
