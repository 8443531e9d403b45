//! `results.json` and `evaluation.json`: what a run has come to.
//!
//! The names in `results.json` are a promise to those who script the program.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use super::{Named, RunPaths};
use crate::error::Result;
use crate::files;
use crate::metrics::ConfusionMatrix;

/// The final figures of a run, as they stand in `results.json` and are printed by `--json`.
///
/// ```
/// use limbeck_training::run_folder::{Metrics, ModelResults, Named, Results};
/// let teacher = Metrics::new().rate("accuracy", 0.875).count("parameters", 1200);
/// let results = Results {
///     seed: 1,
///     device: "cpu".into(),
///     seconds: 2.5,
///     test: Some(ModelResults::Models(Named::from_iter([("teacher", teacher)]))),
///     ..Results::default()
/// };
/// assert_eq!(
///     serde_json::to_string(&results)?,
///     r#"{"seed":1,"device":"cpu","adapter":null,"dispatches":0,"seconds":2.5,"test":{"teacher":{"accuracy":0.875,"parameters":1200}}}"#
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Results {
    /// The seed of the run.
    pub seed: u64,
    /// The device as in `--device`.
    pub device: String,
    /// The GPU's name; none on the CPU.
    pub adapter: Option<String>,
    /// The number of GPU dispatches of the whole run; 0 on the CPU.
    pub dispatches: u64,
    /// Wall-clock seconds of the whole run.
    pub seconds: f64,
    /// The metrics on dev, by which choices are made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dev: Option<ModelResults>,
    /// The metrics on test; none as long as nobody has looked at it (`--no-test`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<ModelResults>,
    /// What a command adds under names of its own.
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}

/// `dev` and `test` in `results.json`: `train` puts its metrics directly there, `distill` one
/// object per model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ModelResults {
    /// The metrics of the one model trained.
    Model(Metrics),
    /// The metrics of each model under its name.
    Models(Named<Metrics>),
}

impl ModelResults {
    /// The same rows without that of one model.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        let others = |(known, row): (&str, &Metrics)| {
            (known != name).then(|| (known.to_owned(), row.clone()))
        };
        match self {
            Self::Model(_) => self.clone(),
            Self::Models(rows) => Self::Models(rows.iter().filter_map(others).collect()),
        }
    }

    /// One row per model; a single model is called "model".
    pub fn rows(&self) -> Vec<(&str, &Metrics)> {
        match self {
            Self::Model(metrics) => vec![("model", metrics)],
            Self::Models(models) => models.iter().collect(),
        }
    }
}

/// Named figures of one model: rates from 0 to 1, counts, times. A figure that is not finite is
/// written as `null`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Metrics(Named<Option<Number>>);

impl Metrics {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The usual figures of a classifier: `accuracy` and `macro_f1`.
    pub fn of_classifier(matrix: &ConfusionMatrix) -> Self {
        Self::new()
            .rate("accuracy", matrix.accuracy())
            .rate("macro_f1", matrix.macro_f1())
    }

    /// Adds a rate, a time, or any other real number.
    #[must_use]
    pub fn rate(mut self, name: &str, value: f64) -> Self {
        self.0.set(name, Number::from_f64(value));
        self
    }

    /// Adds a whole number.
    #[must_use]
    pub fn count(mut self, name: &str, value: u64) -> Self {
        self.0.set(name, Some(value.into()));
        self
    }

    /// A figure; none if it is missing or was not finite.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.number(name)?.as_f64()
    }

    /// A figure as it was given, real or whole.
    pub fn number(&self, name: &str) -> Option<&Number> {
        self.0.get(name)?.as_ref()
    }

    /// The figure that says how good the model is, the higher the better, and its name: accuracy, F1 of
    /// spans, keywords or the foreground of pictures, the share of recordings that are read right, or the
    /// accuracy of tags. None of a language model.
    ///
    /// ```
    /// use limbeck_training::run_folder::Metrics;
    /// let metrics = Metrics::new().rate("token_accuracy", 0.98).rate("span_f1", 0.9);
    /// assert_eq!(metrics.quality(), Some(("span_f1", 0.9)));
    /// ```
    pub fn quality(&self) -> Option<(&'static str, f64)> {
        let names = [
            "accuracy",
            "span_f1",
            "keyword_f1",
            "foreground_f1",
            "segment_accuracy",
            "token_accuracy",
        ];
        names
            .into_iter()
            .find_map(|name| Some((name, self.get(name)?)))
    }

    /// All figures in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&Number>)> {
        self.0.iter().map(|(name, value)| (name, value.as_ref()))
    }
}

impl Results {
    /// Reads `results.json`; none if the run is not finished.
    ///
    /// # Errors
    /// If the file cannot be read or is not what was written.
    pub fn read(paths: &RunPaths) -> Result<Option<Self>> {
        files::read_json_if_present(&paths.results())
    }

    /// Writes `results.json`, which marks the run as finished: write it last.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, paths: &RunPaths) -> Result<()> {
        files::write_json(&paths.results(), self)
    }
}

/// `evaluation.json`: what a report needs beyond `results.json`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Evaluation {
    /// The class names in the order of their indices.
    pub labels: Vec<String>,
    /// The confusion matrix on test of each model under its name; empty if test was not read.
    pub confusion: Named<ConfusionMatrix>,
}

impl Evaluation {
    /// Reads `evaluation.json`; none if there is none.
    ///
    /// # Errors
    /// If the file cannot be read or is not what was written.
    pub fn read(paths: &RunPaths) -> Result<Option<Self>> {
        files::read_json_if_present(&paths.evaluation())
    }

    /// Writes `evaluation.json`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, paths: &RunPaths) -> Result<()> {
        files::write_json(&paths.evaluation(), self)
    }
}
