//! What an operator's folder says of itself: documentation and public items, read from the sources.

use std::path::Path;

use super::read;

/// A public item of an operator.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    /// Its name, as the crate exports it.
    pub(super) name: String,
    /// Its documentation, with the slashes taken off.
    pub(super) docs: String,
    /// How it is declared: a function up to its body, an enum with its variants, a struct with its
    /// public fields.
    pub(super) declaration: String,
}

/// The `//!` text of a source.
pub(super) fn module_docs(source: &str) -> String {
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    joined(lines)
}

/// The names that `pub use OPERATOR::...` takes from an operator's folder into the crate.
pub(super) fn exports(library: &str, operator: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = library;
    while let Some(at) = rest.find("pub use ") {
        rest = &rest[at + "pub use ".len()..];
        let Some((path, after)) = rest.split_once(';') else {
            break;
        };
        rest = after;
        if let Some(list) = path.strip_prefix(&format!("{operator}::")) {
            let list = list.trim_matches(['{', '}']).split(',');
            names.extend(list.map(|name| name.trim().to_string()));
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// The item of this name, wherever in the folder it is declared.
pub(super) fn find_item(folder: &Path, name: &str) -> Result<Item, String> {
    for file in super::files(folder)? {
        if file.ends_with(".rs")
            && let Some(item) = item(&read(&folder.join(&file))?, name)
        {
            return Ok(item);
        }
    }
    Err(format!(
        "{}: expected the declaration of `{name}`, which kernels/src/lib.rs exports, found none",
        folder.display()
    ))
}

/// The item of this name in one source.
pub(super) fn item(source: &str, name: &str) -> Option<Item> {
    let lines: Vec<&str> = source.lines().collect();
    let declares = |line: &&str| {
        ["fn", "struct", "enum", "trait", "const"]
            .iter()
            .any(|kind| {
                let rest = line.strip_prefix(&format!("pub {kind} {name}"));
                rest.is_some_and(|rest| {
                    !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')
                })
            })
    };
    let at = lines.iter().position(declares)?;
    let above = lines[..at].iter().rev();
    let attributes = above.clone().take_while(|l| l.starts_with("#[")).count();
    let mut docs: Vec<&str> = above
        .skip(attributes)
        .map_while(|line| line.strip_prefix("///"))
        .collect();
    docs.reverse();
    Some(Item {
        name: name.to_string(),
        docs: joined(docs.into_iter()),
        declaration: declaration(&lines[at..]),
    })
}

/// A struct with its public fields and their documentation.
fn public_fields(lines: &[&str]) -> String {
    let named = lines[0].split(['{', '(', ';']).next().unwrap_or(lines[0]);
    let name = named.trim_end().to_string();
    if !lines[0].ends_with('{') {
        return name;
    }
    let (mut fields, mut docs) = (String::new(), String::new());
    for line in lines[1..].iter().take_while(|line| **line != "}") {
        let line_of_docs = line.trim_start().starts_with("///");
        if line_of_docs {
            docs.push_str(&format!("{line}\n"));
        } else {
            if line.trim_start().starts_with("pub ") {
                fields.push_str(&format!("{docs}{line}\n"));
            }
            docs.clear();
        }
    }
    match fields.is_empty() {
        true => name,
        false => format!("{name} {{\n{fields}}}"),
    }
}

/// The declaration that begins with the first of these lines.
fn declaration(lines: &[&str]) -> String {
    let first = lines[0];
    if first.starts_with("pub struct ") {
        return public_fields(lines);
    }
    if first.starts_with("pub const ") {
        return first.to_string();
    }
    let is_enum = first.starts_with("pub enum ");
    let mut text = String::new();
    for line in lines {
        let ends = if is_enum {
            *line == "}"
        } else {
            line.ends_with('{')
        };
        text.push_str(if is_enum {
            line
        } else {
            line.trim_end_matches([' ', '{'])
        });
        if ends {
            break;
        }
        text.push('\n');
    }
    text
}

fn joined<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let lines = lines.map(|line| line.strip_prefix(' ').unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
//! Doubles.
//!
//! ```text
//! y = 2 x
//! ```

use x;

/// Twice `x`.
///
/// # Errors
/// Never.
#[must_use]
pub fn twice(
    x: f32,
) -> f32 {
    2.0 * x
}

/// Other.
pub fn twice_over(x: f32) -> f32 {
    x
}

/// Which.
pub enum Kind {
    /// One.
    One,
}

pub struct Pair {
    /// Hidden.
    first: f32,
    /// Second.
    pub second: f32,
}

pub struct Wrapped(f32);

/// How many.
pub const MANY: usize = 3;
";

    #[test]
    fn documentation_and_declarations_are_read() {
        assert_eq!(module_docs(SOURCE), "Doubles.\n\n```text\ny = 2 x\n```");
        let twice = item(SOURCE, "twice").expect("it is declared");
        assert_eq!(twice.docs, "Twice `x`.\n\n# Errors\nNever.");
        assert_eq!(twice.declaration, "pub fn twice(\n    x: f32,\n) -> f32");
        let kind = item(SOURCE, "Kind").expect("it is declared");
        assert_eq!(
            kind.declaration,
            "pub enum Kind {\n    /// One.\n    One,\n}"
        );
        let pair = item(SOURCE, "Pair").expect("it is declared").declaration;
        assert_eq!(
            pair,
            "pub struct Pair {\n    /// Second.\n    pub second: f32,\n}"
        );
        let wrapped = item(SOURCE, "Wrapped").expect("it is declared");
        assert_eq!(wrapped.declaration, "pub struct Wrapped");
        let many = item(SOURCE, "MANY").expect("it is declared");
        assert_eq!(many.declaration, "pub const MANY: usize = 3;");
        assert_eq!(item(SOURCE, "twic"), None);
    }

    #[test]
    fn exports_are_those_of_one_operator() {
        let library = "pub use kl::{kl, soft};\npub use kl2::other;\npub use l1::l1;\n";
        assert_eq!(exports(library, "kl"), ["kl", "soft"]);
        assert_eq!(exports(library, "l1"), ["l1"]);
        assert_eq!(exports(library, "mse"), Vec::<String>::new());
    }
}
