//! The audit as one page.

use limbeck_engine::Shape;
use limbeck_training::report::page as whole_page;
use maud::{Markup, html};

use super::{Audit, AuditDevice, AuditRecord, AuditedOperator, repeat, shown, summary};

/// Every operator with its formula, every case with its errors.
pub(super) fn page(audit: &Audit, device: &AuditDevice) -> String {
    let body = html! {
        p { (summary(audit)) }
        p.note {
            "Errors are relative to the norm of the reference's results. The reference itself, plain "
            "loops in f64, is held to central differences, with random coefficients behind every "
            "operator."
        }
        @if audit.failures().next().is_some() {
            h2 { "Out of tolerance" }
            @for record in audit.failures() {
                h3 { (record.operator) ": " (record.case) }
                @for problem in &record.problems { p { (problem) } }
                pre { (repeat(record, device)) }
            }
        }
        @for operator in &audit.operators { (section(operator)) }
    };
    whole_page("limbeck audit", body)
}

fn section(operator: &AuditedOperator) -> Markup {
    html! {
        h2 { (operator.name) }
        p { code { (operator.formula) } }
        div.scroll {
            table {
                thead {
                    tr {
                        @for title in [
                            "case", "reference", "cpu", "gpu", "tolerance", "same bits",
                            "largest shape", "adapter",
                        ] {
                            th { (title) }
                        }
                    }
                }
                tbody { @for record in &operator.records { (row(record)) } }
            }
        }
    }
}

fn row(record: &AuditRecord) -> Markup {
    let shape = |shape: Shape| shape.to_string();
    html! {
        tr {
            th { (record.case) }
            td title=[record.without_finite_differences] { (shown(record.reference)) }
            td { (shown(Some(record.cpu))) }
            td { (shown(record.gpu)) }
            td { (format!("{:.0e}", record.tolerance)) }
            td { @if record.repeatable { "yes" } @else { "no" } }
            td { (record.largest_shape.map_or("-".into(), shape)) }
            td { (record.adapter.as_deref().unwrap_or("-")) }
        }
    }
}
