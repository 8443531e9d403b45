//! The tables of figures, classes and provenance.

use maud::{Markup, html};

use super::element::{columns, name, table};
use super::format::{date, figure, percent, range, significant, thousands, words};
use crate::metrics::{ClassScores, ConfusionMatrix};
use crate::predictions::{AnswerKind, Judged};
use crate::run_folder::{Evaluation, ModelResults, Results, RunInfo};

/// One row per model, one column per metric, with intervals where there are any. Figures of single types
/// and pictures have tables of their own where the answers are known.
pub(super) fn results(split: &str, results: &ModelResults, judged: Option<&Judged<'_>>) -> Markup {
    let rows = results.rows();
    let mut shown: Vec<&str> = Vec::new();
    for (metric, _) in rows.iter().flat_map(|(_, metrics)| metrics.iter()) {
        let has_its_own_table = judged.is_some() && is_of_a_part(metric);
        if !has_its_own_table && !shown.contains(&metric) {
            shown.push(metric);
        }
    }
    let interval = |model: &str, metric: &str| {
        let figure = judged?.models.get(model)?.figure(metric)?;
        Some(range(metric, figure.interval?))
    };
    let titles = std::iter::once("Model".to_string()).chain(shown.iter().map(|m| words(m)));
    let body = html! {
        @for (model, metrics) in &rows { tr {
            (name(&words(model)))
            @for metric in &shown {
                td {
                    (figure(metric, metrics.number(metric)))
                    @if let Some(interval) = interval(model, metric) { small { (interval) } }
                }
            }
        } }
    };
    let caption = format!("Figures on {split}");
    html! {
        (table("", &caption, &titles.collect::<Vec<_>>(), body))
        @if let Some(judged) = judged {
            p.note {
                "Below the figures: 95 % intervals, from 1,000 draws of "
                (thousands(judged.predictions.samples.len() as u64))
                " samples. They say how far a figure may move on other samples, not with other seeds."
            }
        }
    }
}

/// Figures that are named after a type of spans or a picture.
fn is_of_a_part(metric: &str) -> bool {
    ["span_f1_", "foreground_f1_", "pixel_error_"]
        .iter()
        .any(|start| metric.starts_with(start))
        && metric != "span_f1_unseen"
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
            ({
                let scores = matrix.per_class().into_iter().enumerate();
                let rows = scores.map(|(class, scores)| (label(class), scores));
                scores_of(&format!("Classes: {}", words(model)), "Class", rows)
            })
            (confusion(model, matrix, &label))
        }
    }
}

/// Per model: precision, recall and F1 of every type of spans.
pub(super) fn types(judged: &Judged<'_>) -> Markup {
    let title = match judged.predictions.kind {
        AnswerKind::Spans => "Types",
        AnswerKind::Tags => "Tags",
        _ => return html! {},
    };
    html! {
        h2 { (title) " on " (judged.predictions.split) }
        @for (model, judgements) in judged.models.iter() {
            ({
                let rows = judgements.by_type().into_iter();
                let rows = rows.map(|(kind, scores)| (kind.to_string(), scores));
                scores_of(&format!("{title}: {}", words(model)), "Type", rows)
            })
        }
    }
}

fn scores_of(
    caption: &str,
    first: &str,
    rows: impl Iterator<Item = (String, ClassScores)>,
) -> Markup {
    let titles = columns(&[first, "Count", "Predicted", "Precision", "Recall", "F1"]);
    let body = html! {
        @for (label, scores) in rows { tr {
            (name(&label))
            td { (thousands(scores.support)) }
            td { (thousands(scores.predicted)) }
            td { (percent(scores.precision)) }
            td { (percent(scores.recall)) }
            td { (percent(scores.f1)) }
        } }
    };
    table("", caption, &titles, body)
}

fn confusion(model: &str, matrix: &ConfusionMatrix, label: &dyn Fn(usize) -> String) -> Markup {
    let classes = 0..matrix.classes();
    let share = |truth: usize, predicted: usize| {
        let row: u64 = classes
            .clone()
            .map(|column| matrix.count(truth, column))
            .sum();
        matrix.count(truth, predicted) as f64 / row.max(1) as f64
    };
    let titles = std::iter::once("Truth".to_string()).chain(classes.clone().map(label));
    let body = html! {
        @for truth in classes.clone() { tr {
            (name(&label(truth)))
            @for predicted in classes.clone() {
                td style=(format!("--share:{:.3}", share(truth, predicted))) {
                    (matrix.count(truth, predicted))
                }
            }
        } }
    };
    let caption = format!("Confusion: {}", words(model));
    html! {
        (table("confusion", &caption, &titles.collect::<Vec<_>>(), body))
        p.note { "Rows are the truth, columns the prediction; the shade is the share of its row." }
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
        ("Command", info.command.clone()),
        ("Started", date(info.started)),
        ("Device", device),
        ("Instruction set", info.instruction_set.clone()),
        ("Platform", info.platform.clone()),
    ];
    if let Some(results) = results {
        facts.push(("Seconds", significant(results.seconds)));
        facts.push(("GPU dispatches", thousands(results.dispatches)));
    }
    let body = html! {
        @for (fact, value) in &facts { tr { (name(fact)) td { (value) } } }
        @for file in &info.data { tr {
            (name(&format!("Data: {}", file.role)))
            td { (file.path) ", " (thousands(file.bytes)) " bytes, SHA-256 " code { (file.sha256) } }
        } }
    };
    html! {
        h2 { "Provenance" }
        (table("facts", "Where the figures come from", &[], body))
    }
}
