//! Single samples: the hardest of every model, and every picture.

use maud::{Markup, html};

use super::element::{columns, name, table};
use super::format::{percent, significant, words};
use crate::predictions::{AnswerKind, Judged};

/// Whatever a reader wants to see of single samples.
pub(super) fn section(judged: &Judged<'_>) -> Markup {
    match judged.predictions.kind {
        AnswerKind::Pixels => pictures(judged),
        _ => hardest(judged),
    }
}

/// The samples with the highest loss of each model.
fn hardest(judged: &Judged<'_>) -> Markup {
    let predictions = judged.predictions;
    let last = predictions.models.iter().last().map(|(model, _)| model);
    html! {
        h2 { "Hardest samples of " (predictions.split) }
        p.note { "Those with the highest loss; samples are counted from 1. Long texts are cut." }
        @for (model, _) in predictions.models.iter() {
            details open[Some(model) == last] {
                summary { (words(model)) }
                (hardest_of(judged, model))
            }
        }
    }
}

fn hardest_of(judged: &Judged<'_>, model: &str) -> Markup {
    let predictions = judged.predictions;
    let answers = predictions.models.get(model).map_or(&[][..], Vec::as_slice);
    let titles = match predictions.kind {
        AnswerKind::Classes => ["Sample", "Text", "Truth", "Answer", "Sure", "Loss"].as_slice(),
        _ => ["Sample", "Text", "Truth", "Answer", "Loss"].as_slice(),
    };
    let label = |class: Option<u32>| class.map(|class| predictions.label(class));
    let body = html! {
        @for row in predictions.hardest(model) { tr {
            @let (sample, answer) = (&predictions.samples[row], &answers[row]);
            (name(&(row + 1).to_string()))
            td.text { (sample.text.as_ref().or(sample.name.as_ref()).map_or("–", String::as_str)) }
            td.text { (label(sample.truth).or(sample.gold.clone()).unwrap_or_default()) }
            td.text { (label(answer.decided).or(answer.said.clone()).unwrap_or_default()) }
            @if let Some(confidence) = answer.confidence { td { (percent(f64::from(confidence))) } }
            td { (answer.loss.map_or("∞".into(), |loss| significant(f64::from(loss)))) }
        } }
    };
    let caption = format!("Hardest samples: {}", words(model));
    table("samples", &caption, &columns(titles), body)
}

/// Every picture: how much of the class of interest is found, and the share of wrong pixels.
fn pictures(judged: &Judged<'_>) -> Markup {
    let predictions = judged.predictions;
    let mut titles = vec!["Picture".to_string()];
    for (model, _) in predictions.models.iter() {
        titles.push(format!("{}: F1", words(model)));
        titles.push(format!("{}: pixel error", words(model)));
    }
    let body = html! {
        @for (row, sample) in predictions.samples.iter().enumerate() { tr {
            (name(sample.name.as_deref().unwrap_or("–")))
            @for (_, answers) in predictions.models.iter() {
                @let units = answers[row].units.unwrap_or_default();
                @for hits in answers[row].hits.values().take(1) { td { (percent(hits.scores().f1)) } }
                td { (percent((units.all - units.right.min(units.all)) as f64 / units.all.max(1) as f64)) }
            }
        } }
    };
    html! {
        h2 { "Pictures of " (predictions.split) }
        (table("", "Every picture", &titles, body))
    }
}
