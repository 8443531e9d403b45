//! One JSON object a line.

use serde_json::{Map, Value};

use super::options::TagColumns;
use super::records::{Collector, lines};
use crate::error::{DataError, Result, excerpt};
use crate::read::Column;

/// The keys of tokens and tags.
pub(super) struct Keys {
    /// The first that an object has is read.
    tokens: Vec<String>,
    tags: String,
}

impl Keys {
    pub(super) fn of(columns: &TagColumns) -> Result<Self> {
        let key = |name: &str, column: &Option<Column>| match column {
            None => Ok(None),
            Some(Column::Name(key)) => Ok(Some(key.clone())),
            Some(Column::Index(index)) => {
                let expected = "a name: JSON objects have keys";
                Err(DataError::option(name, expected, index))
            }
        };
        let tokens = match key("columns.token", &columns.token)? {
            Some(key) => vec![key],
            None => vec!["tokens".into(), "text".into()],
        };
        let tags = key("columns.tag", &columns.tag)?.unwrap_or_else(|| "tags".into());
        if tokens.contains(&tags) {
            let expected = "another key than that of the tokens";
            return Err(DataError::option(
                "columns.tag",
                expected,
                format!("{tags:?}"),
            ));
        }
        Ok(Self { tokens, tags })
    }

    fn pattern(&self) -> String {
        format!(
            "a JSON object with {} (an array of strings, or a string to be read by character) and \
             {:?} (an array of as many strings)",
            self.tokens
                .iter()
                .map(|key| format!("{key:?}"))
                .collect::<Vec<_>>()
                .join(" or "),
            self.tags
        )
    }
}

/// Reads all sentences; gives back what a line should look like.
pub(super) fn read(text: &str, keys: &Keys, into: &mut Collector<'_>) -> Result<String> {
    const ADVICE: &str = "Correct the line, or name other keys in the run file";
    for (line, content) in lines(text) {
        if content.trim().is_empty() {
            continue;
        }
        let object: Map<String, Value> = match serde_json::from_str(content) {
            Ok(object) => object,
            Err(error) => {
                let found = format!("{} ({error})", excerpt(content));
                return into.refuse(line, keys.pattern(), found, ADVICE);
            }
        };
        let tokens = keys
            .tokens
            .iter()
            .find_map(|key| object.get(key))
            .and_then(units);
        let tags = object.get(&keys.tags).and_then(strings);
        let (Some(tokens), Some(tags)) = (tokens, tags) else {
            return into.refuse(line, keys.pattern(), excerpt(content), ADVICE);
        };
        if tokens.len() != tags.len() {
            let found = format!("{} tokens and {} tags", tokens.len(), tags.len());
            return into.refuse(line, "as many tags as tokens", found, "Correct the line");
        }
        if tokens.is_empty() {
            let advice = "Correct the line or remove it";
            return into.refuse(line, "a sentence of one token at least", "no token", advice);
        }
        for (number, (token, tag)) in (1..).zip(tokens.iter().zip(&tags)) {
            let tag = tag.trim();
            if token.is_empty() || tag.is_empty() {
                let found = format!("token {token:?} with tag {tag:?} at place {number}");
                let expected = "tokens and tags that are not empty";
                return into.refuse(line, expected, found, "Correct the line");
            }
            into.push(line, token, tag);
        }
        into.end_sentence();
    }
    Ok(keys.pattern())
}

/// The strings of an array, or the characters of a string.
fn units(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(text) => {
            let places = text.char_indices();
            Some(places.map(|(at, c)| &text[at..at + c.len_utf8()]).collect())
        }
        other => strings(other),
    }
}

fn strings(value: &Value) -> Option<Vec<&str>> {
    value.as_array()?.iter().map(Value::as_str).collect()
}
