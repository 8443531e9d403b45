//! `report.html`: one run on one page, in one file that needs nothing else.

mod curves;
mod format;
mod tables;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::error::Result;
use crate::files;
use crate::run_folder::{Evaluation, MetricRecord, Results, RunInfo, RunPaths, read_metrics};

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
}

impl Report {
    /// Collects what a run folder has.
    ///
    /// # Errors
    /// If `run.json` is missing, or any file cannot be read.
    pub fn read(paths: &RunPaths) -> Result<Self> {
        let config = paths.config();
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
        })
    }

    /// Writes `report.html` into a run folder.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, paths: &RunPaths) -> Result<()> {
        files::write_atomic(&paths.report(), self.to_html().as_bytes())
    }

    /// The page.
    pub fn to_html(&self) -> String {
        let title = format!(
            "{} {}, seed {}",
            self.info.command, self.info.method, self.info.seed
        );
        let body = html! {
            (self.summary())
            (curves::section(&self.metrics))
            @if let Some(evaluation) = self.evaluation.as_ref().filter(|e| !e.confusion.is_empty()) {
                (tables::classes(evaluation))
            }
            h2 { "Configuration" }
            pre { (self.configuration) }
            (tables::provenance(&self.info, self.results.as_ref()))
        };
        page(&title, body)
    }

    fn summary(&self) -> Markup {
        let Some(results) = &self.results else {
            return html! {
                h2 { "Results" }
                p.note { "This run is not finished: there are no final figures yet." }
            };
        };
        html! {
            h2 { "Results on test" }
            @match &results.test {
                Some(test) => (tables::results(test)),
                None => p.note {
                    "Test was not read (" code { "--no-test" } "); "
                    code { "--resume" } " without this option reads it."
                },
            }
            @if let Some(dev) = &results.dev {
                h2 { "Results on dev" }
                (tables::results(dev))
            }
        }
    }
}

#[cfg(test)]
mod tests;
