//! "Did you mean": the nearest known key to an unknown one.

use toml::{Table, Value};

/// The message for a key that is not among the known ones.
pub(super) fn unknown_key(known: &Table, key: &[String]) -> String {
    let mut table = known;
    for (depth, part) in key.iter().enumerate() {
        match table.get(part) {
            Some(Value::Table(inner)) => table = inner,
            Some(_) => {
                let name = key[..=depth].join(".");
                return format!(
                    "`{name}` is a single value, it has no key `{}`",
                    key[depth + 1]
                );
            }
            None => return unknown_part(known, table, &key[..=depth]),
        }
    }
    // Not reached with a key that is really unknown; a plain message is still true.
    format!("unknown key `{}`", key.join("."))
}

/// `key` is the shortest unknown part; `siblings` is the section it was looked for in.
fn unknown_part(known: &Table, siblings: &Table, key: &[String]) -> String {
    match key.join(".").as_str() {
        "data.corpus" => return "`data.corpus` needs `data.format = \"corpus\"`".into(),
        "training.beside_teacher" => {
            return "`training.beside_teacher` needs a second teacher: set `beside_teacher.kind`"
                .into();
        }
        _ => {}
    }
    let (name, section) = key.split_last().expect("a key has at least one part");
    if name == "gradient_checkpointing" {
        return format!(
            "`{}`: only layers of attention are computed again on the way back: the kinds \
             \"transformer\", \"pretrained\" and \"seq2seq\" have the key",
            key.join(".")
        );
    }
    let section = section.join(".");
    let unknown = format!("unknown key `{}`", key.join("."));
    let here = siblings.keys().map(|sibling| match section.is_empty() {
        true => sibling.clone(),
        false => format!("{section}.{sibling}"),
    });
    let mut everywhere = paths(known);
    everywhere.push("beside_teacher".into());
    let nearest = nearest(name, here).or_else(|| nearest(name, everywhere.into_iter()));
    match nearest {
        Some(path) => format!("{unknown}; did you mean `{path}`?"),
        None => {
            let place = match section.is_empty() {
                true => "a run file".to_owned(),
                false => format!("[{section}]"),
            };
            let keys: Vec<&str> = siblings.keys().map(String::as_str).collect();
            format!("{unknown}; {place} knows {}", keys.join(", "))
        }
    }
}

/// The path whose last part is nearest to `name`, if it is near at all: a third of the letters
/// may differ.
fn nearest(name: &str, paths: impl Iterator<Item = String>) -> Option<String> {
    paths
        .map(|path| {
            let last = path.rsplit('.').next().unwrap_or(&path);
            (strsim::damerau_levenshtein(name, last), path)
        })
        .filter(|(distance, _)| *distance <= (name.chars().count() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, path)| path)
}

fn paths(table: &Table) -> Vec<String> {
    let mut found = Vec::new();
    for (name, value) in table {
        found.push(name.clone());
        if let Value::Table(inner) = value {
            found.extend(
                paths(inner)
                    .into_iter()
                    .map(|path| format!("{name}.{path}")),
            );
        }
    }
    found
}
