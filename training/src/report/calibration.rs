//! Reliability diagrams.

use maud::{Markup, html};

use super::element::{columns, name, table};
use super::format::{percent, thousands, words};
use crate::metrics::{Bin, Calibration};
use crate::predictions::Judged;

/// Sides of the square that the bars stand in, and its place.
const SIDE: f64 = 200.0;
const LEFT: f64 = 44.0;
const TOP: f64 = 10.0;

/// A diagram for every model with probabilities; nothing if no model has any.
pub(super) fn section(judged: &Judged<'_>) -> Markup {
    let models = judged.models.iter();
    let models: Vec<(&str, &Calibration)> = models
        .filter_map(|(model, judgements)| Some((model, judgements.calibration()?)))
        .collect();
    if models.is_empty() {
        return html! {};
    }
    html! {
        h2 { "Calibration on " (judged.predictions.split) }
        p.note {
            "How often decisions of like confidence are right. Bars on the dotted line are right as often "
            "as they claim; the darker, the more decisions. ECE is the mean distance from the line."
        }
        div.charts {
            @for (model, calibration) in &models {
                figure {
                    figcaption {
                        (words(model))
                        span { "ECE " (percent(calibration.expected_error())) }
                    }
                    (diagram(model, calibration))
                    details { summary { "Numbers" } (numbers(model, calibration)) }
                }
            }
        }
    }
}

fn diagram(model: &str, calibration: &Calibration) -> Markup {
    let bins = calibration.bins();
    let width = SIDE / bins.len() as f64;
    let most = bins.iter().map(|bin| bin.count).max().unwrap_or(0).max(1) as f64;
    let (bottom, right) = (TOP + SIDE, LEFT + SIDE);
    let opacity = |bin: &Bin| 0.25 + 0.75 * bin.count as f64 / most;
    let full = bins.iter().enumerate().filter(|(_, bin)| bin.count > 0);
    html! {
        svg.reliability viewBox="0 0 260 250" role="img"
            aria-label=(format!("Reliability of {}", words(model)))
        {
            @for (place, bin) in full {
                rect x=(number(LEFT + place as f64 * width + 1.0))
                    y=(number(bottom - SIDE * bin.accuracy))
                    width=(number(width - 2.0)) height=(number(SIDE * bin.accuracy))
                    opacity=(number(opacity(bin))) {}
            }
            line.even x1=(LEFT) y1=(bottom) x2=(right) y2=(TOP) {}
            line x1=(LEFT) y1=(bottom) x2=(right) y2=(bottom) {}
            line x1=(LEFT) y1=(bottom) x2=(LEFT) y2=(TOP) {}
            @for (share, text) in [(0.0, "0"), (0.5, "50"), (1.0, "100")] {
                text x=(number(LEFT + SIDE * share)) y=(bottom + 15.0) text-anchor="middle" { (text) }
                text x=(LEFT - 6.0) y=(number(bottom - SIDE * share + 4.0)) text-anchor="end" { (text) }
            }
            text x=(LEFT + SIDE / 2.0) y=(bottom + 32.0) text-anchor="middle" { "confidence, %" }
            text transform=(format!("rotate(-90 12 {0}) translate(12 {0})", TOP + SIDE / 2.0))
                text-anchor="middle" { "right, %" }
        }
    }
}

fn number(value: f64) -> String {
    format!("{value:.2}")
}

fn numbers(model: &str, calibration: &Calibration) -> Markup {
    let bins = calibration.bins().iter().filter(|bin| bin.count > 0);
    let body = html! {
        @for bin in bins { tr {
            (name(&percent(bin.confidence)))
            td { (percent(bin.accuracy)) }
            td { (thousands(bin.count)) }
        } }
    };
    let caption = format!("Calibration: {}", words(model));
    table(
        "",
        &caption,
        &columns(&["Mean confidence", "Right", "Decisions"]),
        body,
    )
}
