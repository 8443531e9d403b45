//! Readers of documents with keywords.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::documents::KeywordDocument;
use crate::error::{DataError, Result, excerpt};
use crate::read::{FileSummary, read_text};

/// Formats of keyword files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeywordFormat {
    /// `id<TAB>title<TAB>abstract<TAB>uncontrolled<TAB>controlled`, phrases separated by `|`; the last
    /// column may be missing. The layout of Hulth's Inspec abstracts.
    Inspec,
    /// One JSON object a line: `id`, then `text` or `title` and `abstract`, then `keywords`, an array.
    Jsonl,
}

impl KeywordFormat {
    /// The format by the ending of the name, `.gz` left aside: `.jsonl` and `.ndjson` are JSONL, any
    /// other is the layout of Inspec.
    pub fn of(path: &Path) -> Self {
        let name = path.to_string_lossy().to_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        match name.rsplit('.').next() {
            Some("jsonl" | "ndjson") => Self::Jsonl,
            _ => Self::Inspec,
        }
    }
}

/// Which keywords of the Inspec layout are the gold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gold {
    /// Those that the indexers chose freely: the customary gold.
    #[default]
    Uncontrolled,
    /// Those of the thesaurus, most of which do not occur in the text.
    Controlled,
    /// Both.
    Both,
}

/// How a keyword file is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeywordReadOptions {
    /// The format; by default that of the file's name.
    pub format: Option<KeywordFormat>,
    /// Which of the two lists of the Inspec layout; JSONL has one.
    pub gold: Gold,
}

/// The documents of a file, in its order. Only `\n` ends a line; a byte order mark, `\r\n` and gzip are
/// accepted; blank lines are passed over. Empty phrases in a list are left out, and a list may be empty.
///
/// # Errors
/// With its line: a wrong number of columns, a missing or wrong value, an empty id or text, bytes that
/// are not UTF-8. A file without a document.
pub fn read_keywords(
    path: &Path,
    options: &KeywordReadOptions,
) -> Result<(Vec<KeywordDocument>, FileSummary)> {
    let format = options.format.unwrap_or_else(|| KeywordFormat::of(path));
    let (text, mut summary) = read_text(path)?;
    let mut documents = Vec::new();
    for (index, line) in text.split('\n').enumerate() {
        let content = line.strip_suffix('\r').unwrap_or(line);
        if content.trim().is_empty() {
            continue;
        }
        let document = match format {
            KeywordFormat::Inspec => inspec(content, options.gold),
            KeywordFormat::Jsonl => jsonl(content),
        };
        let document = document
            .and_then(not_empty)
            .map_err(|found| DataError::Line {
                path: path.into(),
                line: index + 1,
                expected: pattern(format, options.gold).into(),
                found,
                advice: "Correct the line or remove it".into(),
            })?;
        documents.push(document);
    }
    if documents.is_empty() {
        return Err(DataError::Empty {
            path: path.into(),
            expected: pattern(format, options.gold).into(),
        });
    }
    summary.rows = documents.len();
    Ok((documents, summary))
}

fn pattern(format: KeywordFormat, gold: Gold) -> &'static str {
    match (format, gold) {
        (KeywordFormat::Inspec, Gold::Uncontrolled) => {
            "id<TAB>title<TAB>abstract<TAB>keyword|keyword, and perhaps <TAB>controlled keywords"
        }
        (KeywordFormat::Inspec, _) => {
            "id<TAB>title<TAB>abstract<TAB>keyword|keyword<TAB>controlled keyword|controlled keyword"
        }
        (KeywordFormat::Jsonl, _) => {
            "a JSON object with \"id\", \"text\" (or \"title\" and \"abstract\") and \"keywords\", an \
             array of strings"
        }
    }
}

/// A document, or what was found instead.
type Found = std::result::Result<KeywordDocument, String>;

fn inspec(content: &str, gold: Gold) -> Found {
    let fields: Vec<&str> = content.split('\t').collect();
    let (title, body, lists) = match (fields.as_slice(), gold) {
        ([_, title, body, free] | [_, title, body, free, _], Gold::Uncontrolled) => {
            (title, body, vec![free])
        }
        ([_, title, body, _, controlled], Gold::Controlled) => (title, body, vec![controlled]),
        ([_, title, body, free, controlled], Gold::Both) => (title, body, vec![free, controlled]),
        _ => return Err(format!("{} columns in {}", fields.len(), excerpt(content))),
    };
    let keywords = lists.into_iter().flat_map(|list| list.split('|'));
    let keywords = keywords.map(|keyword| keyword.trim().to_string()).collect();
    Ok(KeywordDocument::new(
        fields[0].trim(),
        joined(title, body),
        keywords,
    ))
}

fn jsonl(content: &str) -> Found {
    let object: Map<String, Value> =
        serde_json::from_str(content).map_err(|error| format!("{} ({error})", excerpt(content)))?;
    let text = |key: &str| {
        let value = object.get(key).and_then(Value::as_str);
        value.ok_or_else(|| format!("no string {key:?} in {}", excerpt(content)))
    };
    let id = match object.get("id") {
        Some(Value::String(id)) => id.clone(),
        Some(Value::Number(id)) => id.to_string(),
        _ => return Err(format!("no \"id\" in {}", excerpt(content))),
    };
    let body = match object.contains_key("text") {
        true => text("text")?.to_string(),
        false => joined(text("title")?, text("abstract")?),
    };
    let keywords = object.get("keywords").and_then(Value::as_array);
    let strings = |values: &Vec<Value>| {
        let strings = values
            .iter()
            .map(|value| value.as_str().map(str::to_string));
        strings.collect::<Option<Vec<String>>>()
    };
    match keywords.and_then(strings) {
        Some(keywords) => Ok(KeywordDocument::new(id.trim(), body, keywords)),
        None => Err(format!(
            "no array of strings \"keywords\" in {}",
            excerpt(content)
        )),
    }
}

/// Title and abstract as one text.
fn joined(title: &str, body: &str) -> String {
    let parts = [title.trim(), body.trim()];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}

fn not_empty(document: KeywordDocument) -> Found {
    if document.id.is_empty() {
        return Err("an empty id".into());
    }
    if document.tokens.is_empty() {
        return Err(format!(
            "the document {} without a text",
            excerpt(&document.id)
        ));
    }
    Ok(document)
}
