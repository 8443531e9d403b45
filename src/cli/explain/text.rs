//! The tables on a terminal.

use std::fmt::Write;

use super::stage::{Stage, heading, percent, shapes, short, twice};

/// Every stage: its operators in order, then the totals with their formulas. With `timed` the totals
/// have the times.
pub(super) fn text(title: &str, stages: &[Stage], timed: bool) -> String {
    let mut text = title.to_owned();
    for stage in stages {
        let _ = write!(text, "\n\n{}\n{}\n\n", stage.name, heading(stage));
        text.push_str(&operators(stage));
        text.push('\n');
        text.push_str(totals(stage, timed).trim_end());
    }
    text
}

fn operators(stage: &Stage) -> String {
    let widest = |cells: &mut dyn Iterator<Item = usize>| cells.max().unwrap_or(0);
    let rows = &stage.rows;
    let operator = widest(&mut rows.iter().map(|r| r.operator.len())).max("operator".len());
    let scope = widest(&mut rows.iter().map(|r| r.scope.chars().count())).max("scope".len());
    let mut text = format!(
        "{:>4}  {:<scope$}  {:<operator$}  {:>9}  {:>9}  {:>7}  inputs -> outputs\n",
        "", "scope", "operator", "FLOPs", "bytes", "share"
    );
    for (number, row) in rows.iter().enumerate() {
        let _ = writeln!(
            text,
            "{number:>4}  {:<scope$}  {:<operator$}  {:>9}  {:>9}  {:>7}  {} -> {}{}",
            row.scope,
            row.operator,
            short(row.flops),
            short(row.bytes),
            percent(stage.share(row.flops)),
            shapes(&row.inputs),
            shapes(&row.outputs),
            twice(row),
        );
    }
    text
}

fn totals(stage: &Stage, timed: bool) -> String {
    let totals = stage.totals();
    let operator = totals.iter().map(|t| t.operator.len()).max().unwrap_or(0);
    let operator = operator.max("operator".len());
    let times = match timed {
        true => format!("  {:>10}  {:>11}", "forward ms", "backward ms"),
        false => String::new(),
    };
    let mut text = format!(
        "{:<operator$}  {:>5}  {:>9}  {:>9}  {:>7}{times}  formula\n",
        "operator", "calls", "FLOPs", "bytes", "share"
    );
    for total in totals {
        let times = match total.times.filter(|_| timed) {
            Some([forward, backward]) => format!("  {forward:>10.3}  {backward:>11.3}"),
            None => String::new(),
        };
        let _ = writeln!(
            text,
            "{:<operator$}  {:>5}  {:>9}  {:>9}  {:>7}{times}  {}",
            total.operator,
            total.calls,
            short(total.flops),
            short(total.bytes),
            percent(stage.share(total.flops)),
            total.formula,
        );
    }
    text
}
