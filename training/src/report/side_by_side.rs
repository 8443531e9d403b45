//! Several runs on one page.

use maud::{Markup, html};

use super::element::{columns, name, table};
use super::format::{p_value, paired, percent, thousands, words};
use super::{Report, page};
use crate::compare::{Finished, Row, Spread, compare};
use crate::predictions::{JudgedRun, PairedRow, Predictions, paired_rows};

/// A run among others.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparedRun {
    /// What its folder is called.
    pub name: String,
    /// Its figures on the split that is compared.
    pub finished: Finished,
    /// Everything that its folder has.
    pub report: Report,
}

/// Runs side by side, on dev or on test.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The runs.
    pub runs: Vec<ComparedRun>,
    /// `dev` or `test`.
    pub split: &'static str,
    /// The model that others are compared with: `MODEL` or `ARM/MODEL`. If none is called so, the first.
    pub baseline: String,
}

impl Comparison {
    /// A row for each model of each arm, over its seeds.
    pub fn rows(&self) -> Vec<Row> {
        let finished: Vec<Finished> = self.runs.iter().map(|run| run.finished.clone()).collect();
        compare(&finished, &self.base())
    }

    /// Every model of every run against the baseline, on the same samples.
    pub fn paired_rows(&self) -> Vec<PairedRow> {
        let runs: Vec<JudgedRun<'_>> = self.runs.iter().map(|run| self.judged(run)).collect();
        paired_rows(&runs, &self.base())
    }

    fn judged<'a>(&self, run: &'a ComparedRun) -> JudgedRun<'a> {
        let Finished { arm, seed, models } = &run.finished;
        JudgedRun {
            arm: arm.clone(),
            seed: *seed,
            models: models.iter().map(|(model, _)| model.clone()).collect(),
            judged: run.report.predictions(self.split).map(Predictions::judged),
        }
    }

    /// The baseline's name, as a model has it.
    fn base(&self) -> String {
        let names = || {
            self.runs.iter().flat_map(|run| {
                let models = run.finished.models.iter();
                models.map(|(model, _)| (&run.finished.arm, model))
            })
        };
        let is_called = |(arm, model): (&String, &String)| {
            self.baseline == *model || self.baseline == format!("{arm}/{model}")
        };
        match names().next() {
            Some((arm, model)) if !names().any(is_called) => format!("{arm}/{model}"),
            _ => self.baseline.clone(),
        }
    }

    /// The page: the comparison, then each run by itself.
    pub fn to_html(&self) -> String {
        let body = html! {
            h2 { "Side by side, on " (self.split) }
            (self.arms())
            h2 { "On the same samples" }
            (self.pairs())
            @for run in &self.runs {
                details.run {
                    summary { (run.name) }
                    (run.report.body())
                }
            }
        };
        page(&format!("{} runs", self.runs.len()), body)
    }

    fn arms(&self) -> Markup {
        let titles = columns(&[
            "Run",
            "Model",
            "Figure",
            "Seeds",
            "Mean ± sd",
            "Macro F1",
            "Gain",
        ]);
        let body = html! {
            @for row in self.rows() { tr {
                (name(&row.arm))
                td.text { (words(&row.model)) }
                td.text { (words(row.metric)) }
                td { (row.seeds.len()) }
                td { (spread(&row.quality, false)) }
                td { (row.macro_f1.map_or("–".into(), |macro_f1| spread(&macro_f1, false))) }
                td {
                    @match &row.gain {
                        Some(gain) => { (spread(&gain.spread, true)) },
                        None => { "–" },
                    }
                }
            } }
        };
        html! {
            (table("", "Means over seeds", &titles, body))
            p.note {
                "In %, with the sample standard deviation over seeds. Gains are over "
                (self.base()) ", paired by seed."
            }
        }
    }

    fn pairs(&self) -> Markup {
        let rows = self.paired_rows();
        if rows.is_empty() {
            return html! { p.note { "There is one model alone." } };
        }
        let titles = columns(&[
            "Run",
            "Model",
            "Seed",
            "Against seed",
            "Difference",
            "p, bootstrap",
            "p, signs",
            "Better : worse",
        ]);
        let body = html! {
            @for row in &rows { tr {
                (name(&row.arm))
                td.text { (words(&row.model)) }
                td { (row.seed) }
                td { (row.against_seed) }
                @match (&row.test, &row.missing) {
                    (Some(test), _) => {
                        (paired(test))
                        td { (p_value(test.bootstrap.p)) }
                        td { (p_value(test.signs.p)) }
                        td { (thousands(test.signs.better)) " : " (thousands(test.signs.worse)) }
                    },
                    (None, missing) => {
                        td.text colspan="4" { (missing.as_deref().unwrap_or("–")) }
                    },
                }
            } }
        };
        html! {
            (table("", "Paired tests", &titles, body))
            p.note {
                "Against " (self.base()) " on the same " (self.split) " samples: the difference with its 95 % "
                "interval, from 1,000 draws of samples; how often one as large would come about between "
                "equally good models, by the paired bootstrap and by the samples on which the one or the "
                "other is better (McNemar's test where a sample is right or wrong, else the sign test). "
                "With many comparisons some differences look real by chance."
            }
        }
    }
}

fn spread(spread: &Spread, signed: bool) -> String {
    let mean = match signed {
        true => format!("{:+.1}", 100.0 * spread.mean),
        false => percent(spread.mean).trim_end_matches(" %").to_string(),
    };
    let sd = spread.sd.map(|sd| format!(" ± {:.1}", 100.0 * sd));
    mean + &sd.unwrap_or_default()
}
