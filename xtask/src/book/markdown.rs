//! What is rewritten when documentation becomes a chapter, and what is read from chapters.

use std::collections::BTreeMap;

/// Turns the text of a documentation comment into that of a chapter: headings go `deeper` levels
/// down, code without a language is Rust, and links to items become links to `chapters` (item to
/// file) or plain code.
pub(super) fn from_docs(docs: &str, deeper: usize, chapters: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    let mut in_code = false;
    for line in docs.lines() {
        if line.starts_with("```") {
            in_code = !in_code;
            text.push_str(if in_code && line == "```" {
                "```rust"
            } else {
                line
            });
        } else if in_code {
            text.push_str(line);
        } else {
            if line.starts_with('#') {
                text.push_str(&"#".repeat(deeper));
            }
            text.push_str(&without_item_links(line, chapters));
        }
        text.push('\n');
    }
    text
}

/// Replaces ``[`item`]`` and ``[`item`](path)``.
fn without_item_links(line: &str, chapters: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("[`") {
        text.push_str(before);
        let Some((item, after)) = after.split_once("`]") else {
            text.push_str("[`");
            rest = after;
            continue;
        };
        rest = match after.strip_prefix('(').and_then(|a| a.split_once(')')) {
            Some((_, behind)) => behind,
            None => after,
        };
        let item = item.trim_start_matches("crate::");
        let owner = item.split("::").next().unwrap_or(item);
        match chapters.get(owner) {
            Some(file) => text.push_str(&format!("[`{item}`]({file})")),
            None => text.push_str(&format!("`{item}`")),
        }
    }
    text.push_str(rest);
    text
}

/// The lines of a chapter outside blocks of code, with their numbers, from 1.
pub(super) fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !in_code && !fence
    })
}

/// A link or a picture.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Link {
    /// Its line, from 1.
    pub(super) line: usize,
    /// Where it leads.
    pub(super) target: String,
    /// Whether it is a picture.
    pub(super) picture: bool,
}

/// The links of a chapter, those in code left out.
pub(super) fn links(text: &str) -> Vec<Link> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        let bare = without_code(line);
        let mut at = 0;
        while let Some(open) = bare[at..].find("](") {
            let start = at + open + 2;
            let Some(length) = bare[start..].find(')') else {
                break;
            };
            let text_begins = bare[..start - 2].rfind('[').unwrap_or(0);
            found.push(Link {
                line: number,
                target: bare[start..start + length].to_string(),
                picture: bare[..text_begins].ends_with('!'),
            });
            at = start + length;
        }
    }
    found
}

/// The line without its spans of code.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

/// The anchors of a chapter's headings, as mdBook makes them.
pub(super) fn anchors(text: &str) -> Vec<String> {
    let headings = prose(text).filter(|(_, line)| line.starts_with('#'));
    headings
        .map(|(_, line)| {
            let title = line.trim_start_matches('#').trim();
            let kept = title.chars().filter_map(|c| match c {
                c if c.is_alphanumeric() || c == '_' || c == '-' => Some(c.to_ascii_lowercase()),
                c if c.is_whitespace() => Some('-'),
                _ => None,
            });
            kept.collect()
        })
        .collect()
}

/// The file that a line `{{#include FILE}}` names.
pub(super) fn included(line: &str) -> Option<&str> {
    let rest = line.trim().strip_prefix("{{#include ")?;
    rest.strip_suffix("}}").map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documentation_becomes_a_chapter() {
        let chapters = BTreeMap::from([("ClipNorm".to_string(), "clip_norm.md".to_string())]);
        let docs =
            "By [`crate::ClipNorm`], [`Bags`](crate::Bags) in `[n]`.\n# Errors\n```\n# x[`y`]\n```";
        let expected =
            "By [`ClipNorm`](clip_norm.md), `Bags` in `[n]`.\n### Errors\n```rust\n# x[`y`]\n```\n";
        assert_eq!(from_docs(docs, 2, &chapters), expected);
    }

    #[test]
    fn links_are_found_outside_code_alone() {
        let text = "a [b](c.md#d) `[e](f.md)` ![g](h.png)\n```text\n[i](j.md)\n```\n[k](l.md)";
        let found = links(text);
        let seen: Vec<_> = found
            .iter()
            .map(|l| (l.line, l.target.as_str(), l.picture))
            .collect();
        let expected = [(1, "c.md#d", false), (1, "h.png", true), (5, "l.md", false)];
        assert_eq!(seen, expected);
    }

    #[test]
    fn anchors_are_those_of_mdbook() {
        let text = "# What they say, and what they do not\n```\n# no heading\n```\n## `a_b`: C-d";
        let expected = ["what-they-say-and-what-they-do-not", "a_b-c-d"];
        assert_eq!(anchors(text), expected);
    }
}
