//! The tables of the report.

use maud::{Markup, html};

use super::format::{date, figure, percent, significant, thousands, words};
use crate::metrics::ConfusionMatrix;
use crate::run_folder::{Evaluation, ModelResults, Results, RunInfo};

/// One row per model, one column per metric.
pub(super) fn results(results: &ModelResults) -> Markup {
    let rows = results.rows();
    let mut columns: Vec<&str> = Vec::new();
    for (name, _) in rows.iter().flat_map(|(_, metrics)| metrics.iter()) {
        if !columns.contains(&name) {
            columns.push(name);
        }
    }
    html! {
        div.scroll { table {
            thead { tr { th { "Model" } @for column in &columns { th { (words(column)) } } } }
            tbody { @for (model, metrics) in rows { tr {
                th { (words(model)) }
                @for column in &columns {
                    td { (figure(column, metrics.number(column))) }
                }
            } } }
        } }
    }
}

/// Per model: precision, recall and F1 of every class, and the confusion matrix.
pub(super) fn classes(evaluation: &Evaluation) -> Markup {
    let label = |class: usize| match evaluation.labels.get(class) {
        Some(label) => label.clone(),
        None => format!("class {class}"),
    };
    html! {
        h2 { "Classes on test" }
        @for (model, matrix) in evaluation.confusion.iter() {
            h3 { (words(model)) }
            (scores(matrix, &label))
            h3 { (words(model)) ": confusion" }
            p.note { "Rows are the truth, columns the prediction; the shade is the share of its row." }
            (confusion(matrix, &label))
        }
    }
}

fn scores(matrix: &ConfusionMatrix, label: &dyn Fn(usize) -> String) -> Markup {
    html! {
        div.scroll { table {
            thead { tr {
                th { "Class" } th { "Texts" } th { "Predicted" } th { "Precision" } th { "Recall" } th { "F1" }
            } }
            tbody { @for (class, scores) in matrix.per_class().iter().enumerate() { tr {
                th { (label(class)) }
                td { (thousands(scores.support)) }
                td { (thousands(scores.predicted)) }
                td { (percent(scores.precision)) }
                td { (percent(scores.recall)) }
                td { (percent(scores.f1)) }
            } } }
        } }
    }
}

fn confusion(matrix: &ConfusionMatrix, label: &dyn Fn(usize) -> String) -> Markup {
    let classes = 0..matrix.classes();
    let share = |truth: usize, predicted: usize| {
        let row: u64 = classes
            .clone()
            .map(|column| matrix.count(truth, column))
            .sum();
        matrix.count(truth, predicted) as f64 / row.max(1) as f64
    };
    html! {
        div.scroll { table.confusion {
            thead { tr { th {} @for column in classes.clone() { th { (label(column)) } } } }
            tbody { @for truth in classes.clone() { tr {
                th { (label(truth)) }
                @for predicted in classes.clone() {
                    td style=(format!("--share:{:.3}", share(truth, predicted))) {
                        (matrix.count(truth, predicted))
                    }
                }
            } } }
        } }
    }
}

/// Where the figures come from.
pub(super) fn provenance(info: &RunInfo, results: Option<&Results>) -> Markup {
    let device = match &info.adapter {
        Some(adapter) => format!("{} ({adapter})", info.device),
        None => info.device.clone(),
    };
    let mut facts = vec![
        ("Limbeck", info.version.clone()),
        ("Started", date(info.started)),
        ("Device", device),
        ("Instruction set", info.instruction_set.clone()),
        ("Platform", info.platform.clone()),
    ];
    if let Some(results) = results {
        facts.push(("Seconds", significant(results.seconds)));
        facts.push(("GPU dispatches", thousands(results.dispatches)));
    }
    html! {
        h2 { "Provenance" }
        div.scroll { table.facts { tbody {
            @for (name, value) in &facts { tr { th { (name) } td { (value) } } }
            @for file in &info.data { tr {
                th { "Data: " (file.role) }
                td { (file.path) ", " (thousands(file.bytes)) " bytes, SHA-256 " code { (file.sha256) } }
            } }
        } } }
    }
}
