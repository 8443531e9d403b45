//! A stage as it is explained: the lines of its tape, with formulas, shares and totals.

use std::collections::HashMap;

use limbeck_engine::{DType, Line, Meta, Pass};
use limbeck_kernels::harness::Subject;
use limbeck_kernels::registry;
use limbeck_training::stage::{Rehearsal, StageTimes};
use serde_json::{Value, json};

/// A stage, one update of it.
pub(super) struct Stage {
    pub(super) name: String,
    pub(super) texts: usize,
    pub(super) tokens: u64,
    pub(super) rows: Vec<Row>,
    pub(super) times: Option<StageTimes>,
}

/// An operator of the forward pass.
pub(super) struct Row {
    pub(super) operator: &'static str,
    pub(super) scope: String,
    /// In one line; empty for an operator that is not Limbeck's own.
    pub(super) formula: &'static str,
    pub(super) inputs: Vec<Meta>,
    pub(super) outputs: Vec<Meta>,
    /// The row that each input comes from; `None` from parameters and data.
    pub(super) sources: Vec<Option<usize>>,
    pub(super) flops: u64,
    pub(super) bytes: u64,
    /// Whether it runs a second time on the way back (gradient checkpointing).
    pub(super) recomputed: bool,
}

/// All rows of one operator.
pub(super) struct Total {
    pub(super) operator: &'static str,
    pub(super) formula: &'static str,
    pub(super) calls: usize,
    pub(super) flops: u64,
    pub(super) bytes: u64,
    /// Milliseconds of an update, forward and backward, where they were measured.
    pub(super) times: Option<[f64; 2]>,
}

/// The formula of every operator. A folder may hold several: its cases know their names.
fn formulas() -> HashMap<&'static str, &'static str> {
    let mut formulas = HashMap::new();
    for entry in registry() {
        formulas.insert(entry.name, entry.formula);
        for case in &entry.cases {
            let name = match &case.subject {
                Subject::Differentiable(operator) => operator.name(),
                Subject::Constant(operator) => operator.name(),
                Subject::InPlace(_) => entry.name,
            };
            formulas.insert(name, entry.formula);
        }
    }
    formulas
}

impl Stage {
    /// The stage as its rehearsal found it.
    pub(super) fn new(rehearsal: &Rehearsal) -> Self {
        let formulas = formulas();
        let row = |line: &Line| Row {
            operator: line.operator,
            scope: line.scope.clone(),
            formula: formulas.get(line.operator).copied().unwrap_or_default(),
            inputs: line.inputs.clone(),
            outputs: line.plan.outputs.clone(),
            sources: line.sources.clone(),
            flops: line.plan.flops,
            bytes: line.plan.bytes,
            recomputed: line.recomputed,
        };
        Stage {
            name: rehearsal.name.replace('_', " "),
            texts: rehearsal.texts,
            tokens: rehearsal.tokens,
            rows: rehearsal.lines.iter().map(row).collect(),
            times: None,
        }
    }

    /// Floating-point operations of the forward pass.
    pub(super) fn flops(&self) -> u64 {
        self.rows.iter().map(|row| row.flops).sum()
    }

    /// Those of them that are done again on the way back.
    pub(super) fn recomputed_flops(&self) -> u64 {
        let again = self.rows.iter().filter(|row| row.recomputed);
        again.map(|row| row.flops).sum()
    }

    /// Bytes that the forward pass reads and writes.
    pub(super) fn bytes(&self) -> u64 {
        self.rows.iter().map(|row| row.bytes).sum()
    }

    /// A part of the operations of the forward pass, from 0 to 1.
    pub(super) fn share(&self, flops: u64) -> f64 {
        flops as f64 / self.flops().max(1) as f64
    }

    /// One entry per operator: most operations first, then by name.
    pub(super) fn totals(&self) -> Vec<Total> {
        let mut totals: Vec<Total> = Vec::new();
        for row in &self.rows {
            let known = totals.iter().position(|t| t.operator == row.operator);
            let at = known.unwrap_or_else(|| {
                totals.push(Total {
                    operator: row.operator,
                    formula: row.formula,
                    calls: 0,
                    flops: 0,
                    bytes: 0,
                    times: self.times_of(row.operator),
                });
                totals.len() - 1
            });
            totals[at].calls += 1;
            totals[at].flops += row.flops;
            totals[at].bytes += row.bytes;
        }
        totals.sort_by_key(|total| (std::cmp::Reverse(total.flops), total.operator));
        totals
    }

    fn times_of(&self, operator: &str) -> Option<[f64; 2]> {
        let times = self.times.as_ref()?;
        let of = |pass: Pass| {
            let costs = times.costs.iter();
            let own = costs.filter(|(name, p, _)| *name == operator && *p == pass);
            let seconds: f64 = own.map(|(.., cost)| cost.time.as_secs_f64()).sum();
            1e3 * seconds / times.updates.max(1) as f64
        };
        Some([of(Pass::Forward), of(Pass::Backward)])
    }

    /// For a program.
    pub(super) fn as_json(&self) -> Value {
        let rows: Vec<Value> = self.rows.iter().map(|row| self.row_as_json(row)).collect();
        let totals: Vec<Value> = self
            .totals()
            .iter()
            .map(|t| self.total_as_json(t))
            .collect();
        json!({
            "name": self.name.replace(' ', "_"),
            "texts": self.texts,
            "tokens": self.tokens,
            "flops": self.flops(),
            "bytes": self.bytes(),
            "recomputed_flops": self.recomputed_flops(),
            "operators": rows,
            "totals": totals,
            "measured": self.times.as_ref().map(|times| {
                let each = |count: u64| count as f64 / times.updates.max(1) as f64;
                json!({
                    "updates": times.updates,
                    "ms": 1e3 * times.time.as_secs_f64() / times.updates.max(1) as f64,
                    "dispatches": each(times.dispatches),
                    "submissions": each(times.submissions),
                })
            }),
        })
    }

    fn row_as_json(&self, row: &Row) -> Value {
        let dims = |metas: &[Meta]| -> Vec<Vec<usize>> {
            metas.iter().map(|m| m.shape.dims().to_vec()).collect()
        };
        json!({
            "operator": row.operator,
            "scope": row.scope,
            "formula": row.formula,
            "inputs": dims(&row.inputs),
            "outputs": dims(&row.outputs),
            "sources": row.sources,
            "flops": row.flops,
            "bytes": row.bytes,
            "share": self.share(row.flops),
            "recomputed": row.recomputed,
        })
    }

    fn total_as_json(&self, total: &Total) -> Value {
        json!({
            "operator": total.operator,
            "formula": total.formula,
            "calls": total.calls,
            "flops": total.flops,
            "bytes": total.bytes,
            "share": self.share(total.flops),
            "forward_ms": total.times.map(|times| times[0]),
            "backward_ms": total.times.map(|times| times[1]),
        })
    }
}

/// Shapes, those of ids marked.
pub(super) fn shapes(metas: &[Meta]) -> String {
    let shape = |meta: &Meta| match meta.dtype {
        DType::Real => meta.shape.to_string(),
        DType::Ids => format!("ids {}", meta.shape),
    };
    metas.iter().map(shape).collect::<Vec<_>>().join(" ")
}

/// A count for a person: 1234567 is 1.23 M.
pub(super) fn short(count: u64) -> String {
    let (mut number, mut unit) = (count as f64, "");
    for larger in ["k", "M", "G", "T"] {
        if number < 1000.0 {
            break;
        }
        (number, unit) = (number / 1000.0, larger);
    }
    match unit {
        "" => count.to_string(),
        _ => format!("{number:.2} {unit}"),
    }
}

/// A share for a person.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// What is said of an operator that runs again on the way back.
pub(super) fn twice(row: &Row) -> &'static str {
    if row.recomputed { " (twice)" } else { "" }
}

/// What a step of a stage is, in a few lines.
pub(super) fn heading(stage: &Stage) -> String {
    let mut text = format!(
        "one update: {} labelled texts, {} tokens in all; forward {} operations, {} bytes, and about \
         twice that on the way back",
        stage.texts,
        stage.tokens,
        short(stage.flops()),
        short(stage.bytes()),
    );
    let again = stage.recomputed_flops();
    if again > 0 {
        text += &format!(
            "\ngradient checkpointing: the operators marked \"twice\" run again on the way back, {} \
             operations more",
            short(again)
        );
    }
    if let Some(times) = &stage.times {
        let each = |count: u64| count as f64 / times.updates.max(1) as f64;
        let ms = 1e3 * times.time.as_secs_f64() / times.updates.max(1) as f64;
        text += &format!("\nmeasured over {} updates: {ms:.2} ms each", times.updates);
        if times.dispatches > 0 {
            text += &format!(
                ", {:.0} dispatches, {:.1} submissions",
                each(times.dispatches),
                each(times.submissions)
            );
        }
    }
    text
}
