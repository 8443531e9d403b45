//! `report.html`: one run on one page, or several side by side, in one file that needs nothing else.

mod calibration;
mod curves;
mod element;
mod format;
mod samples;
mod side_by_side;
mod students;
mod tables;

pub use side_by_side::{ComparedRun, Comparison};

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::error::Result;
use crate::files;
use crate::predictions::{Judged, Predictions};
use crate::run_folder::{
    Evaluation, MetricRecord, ModelResults, Results, RunInfo, RunPaths, read_metrics,
};

/// A page in one file, in the style of the reports: its title as a heading, then the body.
pub fn page(title: &str, body: Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body {
                h1 { (title) }
                (body)
            }
        }
    }
    .into_string()
}

/// Everything a report shows. A run that is not finished has a report too, of what there is.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Where the figures come from.
    pub info: RunInfo,
    /// The resolved configuration as TOML.
    pub configuration: String,
    /// The final figures.
    pub results: Option<Results>,
    /// Confusion matrices on test.
    pub evaluation: Option<Evaluation>,
    /// All measurements in their order.
    pub metrics: Vec<MetricRecord>,
    /// What the models said of every sample of dev and of test, as far as the run keeps it.
    pub predictions: Vec<Predictions>,
}

impl Report {
    /// Collects what a run folder has.
    ///
    /// # Errors
    /// If `run.json` is missing, or any file cannot be read.
    pub fn read(paths: &RunPaths) -> Result<Self> {
        let config = paths.config();
        let mut predictions = Vec::new();
        for split in ["dev", "test"] {
            predictions.extend(Predictions::read(paths, split)?);
        }
        Ok(Self {
            info: RunInfo::read(paths)?,
            configuration: if config.exists() {
                files::read_text(&config)?
            } else {
                String::new()
            },
            results: Results::read(paths)?,
            evaluation: Evaluation::read(paths)?,
            metrics: read_metrics(paths)?,
            predictions,
        })
    }

    /// Writes `report.html` into a run folder.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, paths: &RunPaths) -> Result<()> {
        files::write_atomic(&paths.report(), self.to_html().as_bytes())
    }

    /// What the models said of the samples of `dev` or `test`, if the run keeps it.
    pub fn predictions(&self, split: &str) -> Option<&Predictions> {
        self.predictions.iter().find(|set| set.split == split)
    }

    /// The page.
    pub fn to_html(&self) -> String {
        page(&self.title(), self.body())
    }

    fn title(&self) -> String {
        format!("{}, seed {}", self.info.method, self.info.seed)
    }

    fn body(&self) -> Markup {
        let judged: Vec<Judged<'_>> = self.predictions.iter().map(Predictions::judged).collect();
        let on = |split: &str| judged.iter().find(|set| set.predictions.split == split);
        // What is shown of one split alone is shown of test, or of dev where test was not read.
        let last = on("test").or(on("dev"));
        html! {
            (self.summary(on("dev"), on("test")))
            @if let Some(last) = last { (calibration::section(last)) }
            (curves::section(&self.metrics))
            @if let Some(evaluation) = self.evaluation.as_ref().filter(|e| !e.confusion.is_empty()) {
                (tables::classes(evaluation))
            }
            @if let Some(last) = last { (tables::types(last)) (samples::section(last)) }
            h2 { "Configuration" }
            pre { (self.configuration) }
            (tables::provenance(&self.info, self.results.as_ref()))
        }
    }

    fn summary(&self, of_dev: Option<&Judged<'_>>, of_test: Option<&Judged<'_>>) -> Markup {
        let Some(results) = &self.results else {
            return html! {
                h2 { "Results" }
                p.note { "This run is not finished: there are no final figures yet." }
            };
        };
        let (last, judged) = match &results.test {
            Some(test) => (Some(test), of_test),
            None => (results.dev.as_ref(), of_dev),
        };
        html! {
            h2 { "Results on test" }
            @match &results.test {
                Some(test) => (tables::results("test", test, of_test)),
                None => p.note {
                    "Test was not read (" code { "--no-test" } "); "
                    code { "--resume" } " without this option reads it."
                },
            }
            @if let Some(dev) = &results.dev {
                h2 { "Results on dev" }
                (tables::results("dev", dev, of_dev))
            }
            @if let Some(last) = last { (students::section(last, judged)) }
            @if let (None, true) = (judged, has_samples(last)) {
                p.note {
                    "This run folder keeps no predictions: intervals, tests, calibration and the hardest "
                    "samples are missing."
                }
            }
        }
    }
}

/// Whether the figures are of samples: those of a language model are of one long text.
fn has_samples(results: Option<&ModelResults>) -> bool {
    let rows = results.map(ModelResults::rows).unwrap_or_default();
    rows.iter().any(|(_, metrics)| metrics.quality().is_some())
}

#[cfg(test)]
mod tests;
