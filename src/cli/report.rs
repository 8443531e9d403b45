//! `limbeck report`: finished runs side by side, and pages about them.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use limbeck_training::compare::{Finished, Row, Spread, compare};
use limbeck_training::files::write_atomic;
use serde_json::json;

use super::output;
use crate::run::{Result, Split, compared_runs, finished_runs, report_page};

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// Run folders; those that differ in nothing but the seed are taken together.
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    /// Count gains from this model (MODEL or ARM/MODEL), paired by seed.
    #[arg(long, value_name = "NAME", default_value = "student_alone")]
    against: String,
    /// The figures on dev in place of those on test.
    #[arg(long)]
    dev: bool,
    /// Print it as JSON, with tests of every model against the other on the same samples.
    #[arg(long)]
    json: bool,
    /// Write a page in place of the table: everything about one run, or several side by side.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

pub(super) fn run(args: &ReportArgs) -> Result<()> {
    let split = if args.dev { Split::Dev } else { Split::Test };
    if let Some(file) = &args.html {
        let page = report_page(&args.runs, split, &args.against)?;
        write_atomic(file, page.as_bytes())?;
    }
    if args.json {
        let compared = compared_runs(&args.runs, split, &args.against)?;
        let finished: Vec<Finished> = compared
            .runs
            .iter()
            .map(|run| run.finished.clone())
            .collect();
        let rows = compare(&finished, &args.against);
        let paired = compared.paired_rows();
        let json = json!({ "split": split.name(), "rows": rows, "paired": paired });
        return output::print_json(&json);
    }
    if let Some(file) = &args.html {
        return output::print(&file.display().to_string());
    }
    let rows = compare(&finished_runs(&args.runs, split)?, &args.against);
    output::print(&format!(
        "{}\n\nOn {}, in %: mean ± sample standard deviation over seeds; gain over {}, paired by seed.",
        table(&rows),
        split.name(),
        args.against
    ))
}

/// A Markdown table.
fn table(rows: &[Row]) -> String {
    let mut metrics: Vec<&str> = rows.iter().map(|row| row.metric).collect();
    metrics.dedup();
    let metric = match metrics.as_slice() {
        [] => "accuracy".to_string(),
        names => names.join(" or ").replace('_', " ").replace("f1", "F1"),
    };
    let mut text = format!(
        "| run | model | seeds | {metric} | macro-F1 | gain | gain of each seed |\n\
         |---|---|---|---|---|---|---|",
    );
    for row in rows {
        let gain = row.gain.as_ref();
        let each = gain.map_or_else(String::new, |gain| {
            let each = gain
                .each
                .iter()
                .map(|(_, gain)| format!("{:+.1}", 100.0 * gain));
            each.collect::<Vec<_>>().join(" ")
        });
        let _ = write!(
            text,
            "\n| {} | {} | {} | {} | {} | {} | {each} |",
            row.arm,
            name(row),
            row.seeds.len(),
            percent(&row.quality, false),
            row.macro_f1
                .map_or_else(String::new, |spread| percent(&spread, false)),
            gain.map_or_else(String::new, |gain| percent(&gain.spread, true)),
        );
    }
    text
}

/// A model's name, and what a reader must know to compare it with others.
fn name(row: &Row) -> String {
    let mut name = row.model.replace('_', " ");
    if row.transductive {
        name.push_str(" (transductive)");
    }
    if !row.degenerate.is_empty() {
        let seeds: Vec<String> = row.degenerate.iter().map(u64::to_string).collect();
        name.push_str(&format!(" (degenerate: seeds {})", seeds.join(", ")));
    }
    name
}

fn percent(spread: &Spread, signed: bool) -> String {
    let mean = 100.0 * spread.mean;
    let mean = if signed {
        format!("{mean:+.1}")
    } else {
        format!("{mean:.1}")
    };
    let sd = spread.sd.map(|sd| format!(" ± {:.1}", 100.0 * sd));
    mean + &sd.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_have_one_decimal_and_gains_a_sign() {
        let spread = Spread {
            mean: 0.8125,
            sd: Some(0.004),
        };
        assert_eq!(percent(&spread, false), "81.2 ± 0.4");
        assert_eq!(percent(&Spread { sd: None, ..spread }, true), "+81.2");
    }
}
