//! The teacher and its students: what is lost, and what is won for it.

use maud::{Markup, html};

use super::element::{columns, name, table};
use super::format::{figure, p_value, paired, range, thousands, words};
use crate::predictions::{Judged, paired_test};
use crate::run_folder::{Metrics, ModelResults};

/// The figures of an answer's time, one of which a model has.
const TIMES: [&str; 4] = [
    "us_per_text",
    "us_per_picture",
    "us_per_string",
    "us_per_token",
];

/// The table; nothing of a run without a teacher and a student.
pub(super) fn section(results: &ModelResults, judged: Option<&Judged<'_>>) -> Markup {
    let rows = results.rows();
    let teacher = rows.iter().find(|(model, _)| *model == "teacher");
    let (Some((_, teacher)), true) = (teacher, rows.len() > 1) else {
        return html! {};
    };
    let Some((metric, _)) = teacher.quality() else {
        return html! {};
    };
    let mut titles = columns(&["Model"]);
    titles.push(words(metric));
    titles.extend(columns(&["Difference", "p, bootstrap", "p, signs"]));
    titles.extend(columns(&[
        "Parameters",
        "Smaller",
        "Microseconds",
        "Faster",
    ]));
    let body = html! {
        @for (model, metrics) in &rows { tr {
            (name(&words(model)))
            (quality(metric, model, metrics, judged))
            (difference(metric, model, metrics, teacher, judged))
            (cost("parameters", metrics, teacher))
            (cost(time(metrics), metrics, teacher))
        } }
    };
    html! {
        h2 { "Teacher and students" }
        (table("", "Against the teacher", &titles, body))
        @if judged.is_some() {
            p.note {
                "Differences from the teacher on the same samples, with 95 % intervals. p: how often one as "
                "large would come about between equally good models, by the paired bootstrap, and by the "
                "samples on which only one of the two is right (McNemar's test; sign test)."
            }
        }
    }
}

fn quality(metric: &str, model: &str, metrics: &Metrics, judged: Option<&Judged<'_>>) -> Markup {
    let interval = judged
        .and_then(|judged| judged.models.get(model)?.figure(metric)?.interval)
        .map(|interval| range(metric, interval));
    html! {
        td {
            (figure(metric, metrics.number(metric)))
            @if let Some(interval) = interval { small { (interval) } }
        }
    }
}

fn difference(
    metric: &str,
    model: &str,
    metrics: &Metrics,
    teacher: &Metrics,
    judged: Option<&Judged<'_>>,
) -> Markup {
    let test = judged
        .filter(|_| model != "teacher")
        .and_then(|judged| paired_test((judged, model), (judged, "teacher")));
    let plain = || {
        let difference = metrics.get(metric)? - teacher.get(metric)?;
        (model != "teacher").then(|| format!("{:+.1}", 100.0 * difference))
    };
    html! {
        @match test {
            Some(test) => {
                (paired(&test))
                td { (p_value(test.bootstrap.p)) }
                td {
                    (p_value(test.signs.p))
                    small { (thousands(test.signs.better)) " : " (thousands(test.signs.worse)) }
                }
            },
            None => {
                td { (plain().unwrap_or("–".into())) }
                td { "–" }
                td { "–" }
            },
        }
    }
}

/// A cost, and how many times smaller it is than the teacher's.
fn cost(metric: &str, metrics: &Metrics, teacher: &Metrics) -> Markup {
    let ratio = || {
        let ratio = teacher.get(metric)? / metrics.get(metric)?;
        ratio.is_finite().then(|| format!("{ratio:.1} ×"))
    };
    html! {
        td { (figure(metric, metrics.number(metric))) }
        td { (ratio().unwrap_or("–".into())) }
    }
}

fn time(metrics: &Metrics) -> &'static str {
    let known = TIMES
        .into_iter()
        .find(|name| metrics.number(name).is_some());
    known.unwrap_or(TIMES[0])
}
