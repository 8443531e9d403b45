//! The errors of every case on one machine, kept in `book/errors.tsv` so that the chapters show them.
//! `limbeck audit --full --json` finds them, and `cargo xtask book --errors FILE` takes them over.

use std::fmt::Write;
use std::path::Path;

use serde::Deserialize;

use super::{read, write};

/// Where they are kept.
const FILE: &str = "book/errors.tsv";
const COLUMNS: &str = "operator\tcase\treference\tcpu\tgpu";
const ADAPTER: &str = "# adapter: ";

/// The errors of one case, relative to the norm of the reference's result.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Record {
    operator: String,
    case: String,
    /// Of the reference's gradients against central differences; none without a gradient.
    reference: Option<f64>,
    cpu: f64,
    gpu: Option<f64>,
    /// The GPU's name, in an audit.
    adapter: Option<String>,
}

/// An audit of all cases with one adapter.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Errors {
    adapter: String,
    records: Vec<Record>,
}

/// The largest error of an operator, and the case that has it.
pub(super) type Worst<'a> = Option<(f64, &'a str)>;

impl Errors {
    /// Reads what is kept.
    pub(super) fn kept(root: &Path) -> Result<Self, String> {
        Self::parse(&read(&root.join(FILE))?).map_err(|error| format!("{FILE}: {error}"))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut adapter = None;
        let mut records = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            if let Some(name) = line.strip_prefix(ADAPTER) {
                adapter = Some(name.to_string());
            } else if !line.starts_with('#') && line != COLUMNS {
                records.push(record(line).map_err(|error| format!("line {number}: {error}"))?);
            }
        }
        let adapter = adapter.ok_or_else(|| format!("expected a line `{ADAPTER}NAME`"))?;
        Ok(Errors { adapter, records })
    }

    /// Takes over what `limbeck audit --json` printed.
    pub(super) fn take_over(root: &Path, audit: &Path) -> Result<(), String> {
        let name = audit.display();
        let text = read(audit)?;
        let records: Vec<Record> = serde_json::from_str(&text)
            .map_err(|error| format!("{name}: expected the records of an audit: {error}"))?;
        let mut adapters: Vec<&str> = records
            .iter()
            .filter_map(|r| r.adapter.as_deref())
            .collect();
        adapters.dedup();
        let [adapter] = adapters[..] else {
            return Err(format!(
                "{name}: expected the records of one adapter, found {}: {}",
                adapters.len(),
                adapters.join(", ")
            ));
        };
        let errors = Errors {
            adapter: adapter.to_string(),
            records: records.clone(),
        };
        write(&root.join(FILE), &errors.to_tsv())
    }

    fn to_tsv(&self) -> String {
        let mut text = format!(
            "# Largest relative errors of every case: limbeck audit --full --json, taken over by\n\
             # cargo xtask book --errors FILE\n{ADAPTER}{}\n{COLUMNS}\n",
            self.adapter
        );
        let number = |error: Option<f64>| match error {
            None => "-".into(),
            Some(0.0) => "0".into(),
            Some(error) => format!("{error:.1e}"),
        };
        for record in &self.records {
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{}\t{}\t{}\t{}\t{}",
                record.operator,
                record.case,
                number(record.reference),
                number(Some(record.cpu)),
                number(record.gpu)
            );
        }
        text
    }

    /// The GPU's name.
    pub(super) fn adapter(&self) -> &str {
        &self.adapter
    }

    /// Number of cases of an operator.
    pub(super) fn cases(&self, operator: &str) -> usize {
        self.of(operator).count()
    }

    /// The largest errors of an operator: of the reference, of the CPU, and of the GPU.
    pub(super) fn worst(&self, operator: &str) -> [Worst<'_>; 3] {
        let largest = |error: fn(&Record) -> Option<f64>| {
            let all = self.of(operator);
            let all = all.filter_map(|record| Some((error(record)?, record.case.as_str())));
            all.max_by(|a, b| a.0.total_cmp(&b.0))
        };
        [
            largest(|record| record.reference),
            largest(|record| Some(record.cpu)),
            largest(|record| record.gpu),
        ]
    }

    fn of(&self, operator: &str) -> impl Iterator<Item = &Record> {
        let records = self.records.iter();
        records.filter(move |record| record.operator == operator)
    }
}

fn record(line: &str) -> Result<Record, String> {
    let cells: Vec<&str> = line.split('\t').collect();
    let [operator, case, reference, cpu, gpu] = cells[..] else {
        return Err(format!("expected 5 columns, found {}", cells.len()));
    };
    let number = |text: &str| match text {
        "-" => Ok(None),
        text => text
            .parse()
            .map(Some)
            .map_err(|_| format!("expected a number or -, found \"{text}\"")),
    };
    Ok(Record {
        operator: operator.to_string(),
        case: case.to_string(),
        reference: number(reference)?,
        cpu: number(cpu)?.ok_or("the CPU has no error")?,
        gpu: number(gpu)?,
        adapter: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUDIT: &str = r#"[
        {"operator": "kl", "case": "a", "reference": 2e-9, "cpu": 1e-7, "gpu": 3e-7, "adapter": "X"},
        {"operator": "kl", "case": "b", "reference": null, "cpu": 2e-7, "gpu": 1e-7, "adapter": "X"},
        {"operator": "l1", "case": "a", "reference": 1e-9, "cpu": 5e-7, "gpu": null, "adapter": "X"}
    ]"#;

    #[test]
    fn an_audit_is_taken_over_and_its_largest_errors_found() {
        let folder = std::env::temp_dir().join(format!("limbeck-errors-{}", std::process::id()));
        let audit = folder.join("audit.json");
        write(&audit, AUDIT).expect("a file");
        Errors::take_over(&folder, &audit).expect("taken over");
        let errors = Errors::kept(&folder).expect("what was taken over");
        write(&audit, &AUDIT.replacen("\"X\"", "\"Y\"", 1)).expect("a file");
        let refused = Errors::take_over(&folder, &audit).expect_err("two adapters");
        std::fs::remove_dir_all(&folder).expect("removed");
        assert!(refused.contains("found 2: Y, X"), "{refused}");
        assert_eq!((errors.adapter(), errors.cases("kl")), ("X", 2));
        let expected = [Some((2e-9, "a")), Some((2e-7, "b")), Some((3e-7, "a"))];
        assert_eq!(errors.worst("kl"), expected);
        assert_eq!(errors.worst("l1")[2], None);
        assert_eq!(errors.worst("mse"), [None; 3]);
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let parse = |line: &str| Errors::parse(&format!("{ADAPTER}X\n{COLUMNS}\n{line}\n"));
        assert!(parse("kl\ta\t-\t1e-7\t-").is_ok());
        for (line, words) in [
            ("kl\ta\t-\t1e-7", "line 3: expected 5 columns, found 4"),
            (
                "kl\ta\t-\tmany\t-",
                "line 3: expected a number or -, found \"many\"",
            ),
            ("kl\ta\t-\t-\t-", "line 3: the CPU has no error"),
        ] {
            assert_eq!(parse(line).expect_err("no record"), words);
        }
        assert!(Errors::parse(COLUMNS).is_err(), "no adapter");
    }
}
