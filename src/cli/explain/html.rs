//! The page: a graph and two tables for every stage.

use limbeck_training::report::page as whole_page;
use maud::{Markup, html};

use super::graph;
use super::stage::{Stage, heading, percent, shapes, short, twice};

/// All stages.
pub(super) fn page(title: &str, stages: &[Stage]) -> String {
    let body = html! {
        p.note {
            "The tape of one training step: operators in the order in which they run. FLOPs and bytes "
            "are those of the forward pass, by the operators' plans."
        }
        @for stage in stages {
            h2 { (stage.name) }
            @for line in heading(stage).lines() { p { (line) } }
            h3 { "Totals" }
            (totals(stage))
            h3 { "Operators" }
            (operators(stage))
            h3 { "Graph" }
            div.scroll { (graph::svg(std::slice::from_ref(stage))) }
        }
    };
    whole_page(title, body)
}

fn table(titles: &[&str], rows: Markup) -> Markup {
    html! {
        div.scroll {
            table {
                thead { tr { @for title in titles { th { (title) } } } }
                tbody { (rows) }
            }
        }
    }
}

fn totals(stage: &Stage) -> Markup {
    let timed = stage.times.is_some();
    let mut titles = vec!["operator", "calls", "FLOPs", "bytes", "share"];
    if timed {
        titles.extend(["forward ms", "backward ms"]);
    }
    titles.push("formula");
    let rows = html! {
        @for total in stage.totals() {
            tr {
                th { (total.operator) }
                td { (total.calls) }
                td { (short(total.flops)) }
                td { (short(total.bytes)) }
                td { (percent(stage.share(total.flops))) }
                @for ms in total.times.iter().flatten() { td { (format!("{ms:.3}")) } }
                td.text { code { (total.formula) } }
            }
        }
    };
    table(&titles, rows)
}

fn operators(stage: &Stage) -> Markup {
    let titles = [
        "", "scope", "operator", "inputs", "outputs", "FLOPs", "bytes", "share", "formula",
    ];
    let rows = html! {
        @for (number, row) in stage.rows.iter().enumerate() {
            tr {
                td { (number) }
                td.text { (row.scope) }
                td.text { strong { (row.operator) } (twice(row)) }
                td { (shapes(&row.inputs)) }
                td { (shapes(&row.outputs)) }
                td { (short(row.flops)) }
                td { (short(row.bytes)) }
                td { (percent(stage.share(row.flops))) }
                td.text { code { (row.formula) } }
            }
        }
    };
    table(&titles, rows)
}
