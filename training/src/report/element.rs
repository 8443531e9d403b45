//! What the sections are made of.

use maud::{Markup, html};

/// A table that scrolls by itself where the page is narrow, also by keys. The caption tells what it is.
pub(super) fn table(class: &str, caption: &str, columns: &[String], rows: Markup) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(caption) {
            table class=(class) {
                caption { (caption) }
                @if !columns.is_empty() {
                    thead { tr { @for column in columns { th scope="col" { (column) } } } }
                }
                tbody { (rows) }
            }
        }
    }
}

/// The first cell of a row, which names it.
pub(super) fn name(text: &str) -> Markup {
    html! { th scope="row" { (text) } }
}

/// Names of columns.
pub(super) fn columns(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}
