//! `limbeck audit`: every formula held to the reference on this machine.

mod html;

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use limbeck_training::files::write_atomic;
use serde::Serialize;

use super::output;
use crate::run::{Audit, AuditDevice, AuditOptions, AuditRecord, AuditedOperator, Result, audit};

#[derive(Debug, Args)]
pub(super) struct AuditArgs {
    /// All cases, every instruction set, and workgroups folded.
    #[arg(long)]
    full: bool,
    /// This operator alone.
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,
    /// The case of this name alone.
    #[arg(long, value_name = "NAME")]
    case: Option<String>,
    /// The GPUs that are held to the reference beside the CPU: all (hardware alone), gpu (the best),
    /// gpu:NAME (a part of an adapter's name, software ones included), or cpu for none.
    #[arg(long, value_name = "DEVICE", default_value = "all")]
    device: AuditDevice,
    /// Print a list of records as JSON.
    #[arg(long)]
    json: bool,
    /// Write a page with every case.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

pub(super) fn run(args: &AuditArgs) -> Result<()> {
    let options = AuditOptions {
        full: args.full,
        operator: args.operator.clone(),
        case: args.case.clone(),
        device: args.device.clone(),
    };
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}");
    let bar =
        ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let found = audit(&options, &mut |done, total, operator| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
        bar.set_message(operator);
    });
    bar.finish_and_clear();
    let found = found?;
    if let Some(file) = &args.html {
        write_atomic(file, html::page(&found, &args.device).as_bytes())?;
    }
    if args.json {
        output::print(&as_json(&found))?;
    } else {
        output::print(&text(&found, &args.device))?;
    }
    found.verify()
}

/// A record for a program. Errors are numbers, however large.
#[derive(Serialize)]
struct JsonRecord<'a> {
    operator: &'static str,
    case: &'a str,
    reference: Option<f64>,
    cpu: f64,
    gpu: Option<f64>,
    tolerance: f64,
    adapter: Option<&'a str>,
    repeatable: bool,
    largest_shape: Option<Vec<usize>>,
    without_finite_differences: Option<&'static str>,
    problems: &'a [String],
}

fn as_json(audit: &Audit) -> String {
    // JSON has no infinity.
    let number = |error: f64| error.min(f64::MAX);
    let records: Vec<JsonRecord> = audit
        .records()
        .map(|record| JsonRecord {
            operator: record.operator,
            case: &record.case,
            reference: record.reference.map(number),
            cpu: number(record.cpu),
            gpu: record.gpu.map(number),
            tolerance: record.tolerance,
            adapter: record.adapter.as_deref(),
            repeatable: record.repeatable,
            largest_shape: record.largest_shape.map(|shape| shape.dims().to_vec()),
            without_finite_differences: record.without_finite_differences,
            problems: &record.problems,
        })
        .collect();
    serde_json::to_string_pretty(&records).expect("names and numbers can be written as JSON")
}

/// One line per operator, then what failed.
fn text(audit: &Audit, device: &AuditDevice) -> String {
    let name_width = audit.operators.iter().map(|o| o.name.len()).max();
    let name_width = name_width.unwrap_or(0).max("operator".len());
    let mut text = format!(
        "{:<name_width$}  {:>5}  {:>9}  {:>9}  {:>9}  {:>9}  {:<4}  {:<18}  worst case\n",
        "operator", "cases", "reference", "cpu", "gpu", "tolerance", "bits", "largest shape"
    );
    for operator in &audit.operators {
        let line = Line::of(operator);
        let _ = writeln!(
            text,
            "{:<name_width$}  {:>5}  {:>9}  {:>9}  {:>9}  {:>9}  {:<4}  {:<18}  {}",
            operator.name,
            line.cases,
            shown(line.reference),
            shown(Some(line.worst.cpu)),
            shown(line.worst.gpu),
            format!("{:.0e}", line.worst.tolerance),
            if line.repeatable { "same" } else { "vary" },
            line.largest_shape,
            line.worst.case,
        );
    }
    let _ = write!(text, "\n{}", summary(audit));
    for record in audit.failures() {
        let _ = write!(text, "\n\n{} [{}]", record.operator, record.case);
        for problem in &record.problems {
            let _ = write!(text, "\n  {problem}");
        }
        let _ = write!(text, "\n  {}", repeat(record, device));
    }
    text
}

/// What the line of an operator says.
struct Line<'a> {
    cases: usize,
    /// The record that is nearest to its tolerance, or furthest beyond it.
    worst: &'a AuditRecord,
    /// The largest error of the reference, of all cases.
    reference: Option<f64>,
    repeatable: bool,
    largest_shape: String,
}

impl<'a> Line<'a> {
    fn of(operator: &'a AuditedOperator) -> Self {
        let records = &operator.records;
        let strains = |a: &&AuditRecord, b: &&AuditRecord| a.strain().total_cmp(&b.strain());
        let shapes = records.iter().filter_map(|record| record.largest_shape);
        let references = records.iter().filter_map(|record| record.reference);
        let largest = shapes.max_by_key(limbeck_engine::Shape::elements);
        Line {
            cases: records.len(),
            worst: records
                .iter()
                .max_by(strains)
                .expect("an audited operator has at least one case"),
            reference: references.max_by(f64::total_cmp),
            repeatable: records.iter().all(|record| record.repeatable),
            largest_shape: largest.map_or("-".into(), |shape| shape.to_string()),
        }
    }
}

/// An error for a person.
fn shown(error: Option<f64>) -> String {
    match error {
        None => "-".into(),
        Some(0.0) => "0".into(),
        Some(error) if error.is_infinite() => "failed".into(),
        Some(error) => format!("{error:.1e}"),
    }
}

/// How much was run, and on what.
fn summary(audit: &Audit) -> String {
    let mut adapters: Vec<&str> = Vec::new();
    for record in audit.records() {
        if let Some(name) = record
            .adapter
            .as_deref()
            .filter(|name| !adapters.contains(name))
        {
            adapters.push(name);
        }
    }
    let mut text = format!(
        "{} operators, {} cases, on the CPU ({}) and {}: ",
        audit.operators.len(),
        audit.records().count() / adapters.len().max(1),
        limbeck_engine::instruction_set().name(),
        match adapters.is_empty() {
            true => "no GPU".to_owned(),
            false => adapters.join(", "),
        },
    );
    let _ = match audit.failures().count() {
        0 => write!(text, "all within tolerance"),
        failed => write!(text, "{failed} out of tolerance"),
    };
    if audit.left_out > 0 {
        let _ = write!(text, "; {} larger cases left to --full", audit.left_out);
    }
    text
}

/// The command that repeats one case.
fn repeat(record: &AuditRecord, device: &AuditDevice) -> String {
    let mut command = format!(
        "limbeck audit --full --operator {} --case {}",
        record.operator,
        quoted(&record.case)
    );
    match (device, &record.adapter) {
        (AuditDevice::Cpu, _) => command.push_str(" --device cpu"),
        (_, Some(adapter)) => {
            let _ = write!(command, " --device {}", quoted(&format!("gpu:{adapter}")));
        }
        (_, None) => {}
    }
    command
}

/// In double quotes, as shells read them.
fn quoted(word: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in word.chars() {
        if matches!(letter, '"' | '\\' | '$' | '`') {
            quoted.push('\\');
        }
        quoted.push(letter);
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed() -> Audit {
        let record = AuditRecord {
            operator: "conv2d",
            case: "a \"$stride\" of 2".into(),
            reference: Some(3e-10),
            without_finite_differences: None,
            cpu: f64::INFINITY,
            gpu: Some(0.0),
            tolerance: 2e-6,
            adapter: Some("A card".into()),
            repeatable: false,
            largest_shape: Some(limbeck_engine::Shape::from([3, 4])),
            problems: vec!["cpu: two runs differ".into()],
        };
        Audit {
            operators: vec![AuditedOperator {
                name: "conv2d",
                formula: "y = x * w",
                records: vec![record],
            }],
            left_out: 2,
        }
    }

    #[test]
    fn a_failure_is_listed_with_the_command_that_repeats_it() {
        let text = text(&failed(), &AuditDevice::All);
        for part in [
            "conv2d        1    3.0e-10     failed          0       2e-6  vary  [3, 4]",
            "1 out of tolerance; 2 larger cases left to --full",
            "  cpu: two runs differ\n  limbeck audit --full --operator conv2d --case \
             \"a \\\"\\$stride\\\" of 2\" --device \"gpu:A card\"",
        ] {
            assert!(text.contains(part), "{part:?} is missing in\n{text}");
        }
        let alone = repeat(&failed().operators[0].records[0], &AuditDevice::Cpu);
        assert!(alone.ends_with(" --device cpu"), "{alone}");
    }

    #[test]
    fn errors_stay_numbers_in_json() {
        let records: serde_json::Value = serde_json::from_str(&as_json(&failed())).expect("JSON");
        assert_eq!(records[0]["cpu"].as_f64(), Some(f64::MAX));
        assert_eq!(records[0]["gpu"].as_f64(), Some(0.0));
        assert_eq!(records[0]["repeatable"], false);
        assert_eq!(records[0]["largest_shape"][1], 4);
    }

    #[test]
    fn the_page_shows_every_case_and_escapes_what_it_shows() {
        let page = html::page(&failed(), &AuditDevice::All);
        assert!(page.contains("a &quot;$stride&quot; of 2"), "{page}");
        assert!(page.contains("two runs differ") && page.contains("y = x * w"));
    }
}
