//! Which format tagged sentences have, and what is read of it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::scheme::Scheme;
use crate::error::{DataError, Result};
use crate::read::{Column, Part};

/// Formats of tagged files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TagFormat {
    /// A token a line in columns, a blank line behind every sentence.
    Conll,
    /// CoNLL-U, the ten columns of Universal Dependencies.
    Conllu,
    /// One JSON object a line: `tokens`, or a `text` read by character, and `tags`.
    Jsonl,
}

impl TagFormat {
    /// The format by the ending of the name, `.gz` left aside: `.conllu`, `.jsonl` and `.ndjson`. Any
    /// other means [`TagFormat::Conll`].
    pub fn of(path: &Path) -> Self {
        let name = path.to_string_lossy().to_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        match name.rsplit('.').next() {
            Some("conllu") => Self::Conllu,
            Some("jsonl" | "ndjson") => Self::Jsonl,
            _ => Self::Conll,
        }
    }
}

/// Where the tokens and the tags stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TagColumns {
    /// Default: the first column; `form` of CoNLL-U; the key `tokens` of JSONL, or else `text`.
    pub token: Option<Column>,
    /// Default: the last column; `upos` of CoNLL-U; the key `tags` of JSONL.
    pub tag: Option<Column>,
}

/// How one tagged file is read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TagReadOptions {
    /// The format; by default that of the file's name.
    pub format: Option<TagFormat>,
    /// The columns, by number from 0 in CoNLL; by number or name in CoNLL-U; by key in JSONL.
    pub columns: TagColumns,
}

/// How a folder of tagged files is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaggedOptions {
    /// The training file; default `train.conll`.
    pub train: String,
    /// The dev part; default `dev.conll` if present.
    pub dev: Part,
    /// The test part; default `test.conll` if present.
    pub test: Part,
    /// Format and columns of all of them.
    pub read: TagReadOptions,
    /// What the prefixes in the files mean; by default what the training file shows.
    pub scheme: Scheme,
    /// The scheme of the sets; by default `bioes`, or plain tags as they are.
    pub scheme_out: Scheme,
    /// Whether tags that break the scheme are an error. By default they are counted, and read by the
    /// rules of [`super::spans()`].
    pub strict: bool,
}

impl Default for TaggedOptions {
    fn default() -> Self {
        Self {
            train: "train.conll".into(),
            dev: Part::IfPresent("dev.conll".into()),
            test: Part::IfPresent("test.conll".into()),
            read: TagReadOptions::default(),
            scheme: Scheme::Auto,
            scheme_out: Scheme::Auto,
            strict: false,
        }
    }
}

impl TaggedOptions {
    /// The scheme to write, where the files have `found`.
    pub(crate) fn target(&self, found: Scheme) -> Result<Scheme> {
        let refuse = |expected: &str| {
            let found = self.scheme_out.name();
            Err(DataError::option("scheme_out", expected, found))
        };
        match (found, self.scheme_out) {
            (Scheme::None, Scheme::None | Scheme::Auto) => Ok(Scheme::None),
            (Scheme::None, _) => refuse("none or auto: the tags are plain and have no spans"),
            (_, Scheme::None) => refuse(
                "a scheme with spans, or `scheme = \"none\"` beside it to take the tags as they are",
            ),
            (_, Scheme::Auto) => Ok(Scheme::Bioes),
            (_, named) => Ok(named),
        }
    }
}
