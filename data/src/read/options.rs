//! Which file format, and which columns of it.

use std::path::Path;

use crate::error::{DataError, Result};

/// File formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Tab-separated, no quoting: a `"` is a character of the text. Lines end at `\n` only.
    Tsv,
    /// Comma-separated with quoting (RFC 4180); a quoted field may span lines.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

impl Format {
    /// The format by the ending of the name, `.gz` left aside. Any ending but `.csv`, `.jsonl` and
    /// `.ndjson` means TSV.
    pub fn of(path: &Path) -> Self {
        let name = path.to_string_lossy().to_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        match name.rsplit('.').next() {
            Some("csv") => Self::Csv,
            Some("jsonl" | "ndjson") => Self::Jsonl,
            _ => Self::Tsv,
        }
    }
}

/// One column, by its place or by its name.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(
    untagged,
    expecting = "expected a column number counted from 0, or a column name"
)]
pub enum Column {
    /// The place, from 0. Not possible in JSONL.
    Index(usize),
    /// The name in the header line, or the key of the JSON object.
    Name(String),
}

impl std::fmt::Display for Column {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Index(index) => write!(f, "number {index} (counted from 0)"),
            Self::Name(name) => write!(f, "{name:?}"),
        }
    }
}

/// The columns to read.
///
/// In TSV the last of `label` and `text` takes the rest of the line, tabs included, as long as no
/// `pair` is read and there is no header; otherwise every tab separates.
///
/// ```
/// use limbeck_data::read::{Column, Columns};
/// // label<TAB>sentence<TAB>paraphrase, of which only rows with label 1 mean the same
/// let positives = Columns { only_label: Some("1".into()), ..Columns::indices(Some(0), 1, Some(2)) };
/// assert_eq!(positives.pair, Some(Column::Index(2)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Columns {
    /// Where the label stands, if there is one.
    pub label: Option<Column>,
    /// Where the text stands.
    pub text: Column,
    /// Where the other wording of the text stands, if there is one.
    pub pair: Option<Column>,
    /// Read only the rows with this label.
    pub only_label: Option<String>,
}

impl Columns {
    /// Columns by their places.
    pub fn indices(label: Option<usize>, text: usize, pair: Option<usize>) -> Self {
        Self {
            label: label.map(Column::Index),
            text: Column::Index(text),
            pair: pair.map(Column::Index),
            only_label: None,
        }
    }

    /// Columns by their names.
    pub fn names(label: Option<&str>, text: &str, pair: Option<&str>) -> Self {
        let name = |name: &str| Column::Name(name.into());
        Self {
            label: label.map(name),
            text: name(text),
            pair: pair.map(name),
            only_label: None,
        }
    }

    /// `label<TAB>text`, or the columns `label` and `text` where columns have names.
    pub fn label_text(format: Format) -> Self {
        match format {
            Format::Tsv => Self::indices(Some(0), 1, None),
            Format::Csv | Format::Jsonl => Self::names(Some("label"), "text", None),
        }
    }

    /// The text alone: the whole line of a TSV.
    pub fn text_only(format: Format) -> Self {
        match format {
            Format::Tsv => Self::indices(None, 0, None),
            Format::Csv | Format::Jsonl => Self::names(None, "text", None),
        }
    }

    /// `text<TAB>text_bt`, or the columns `text` and `text_bt` where columns have names.
    pub fn text_pair(format: Format) -> Self {
        match format {
            Format::Tsv => Self::indices(None, 0, Some(1)),
            Format::Csv | Format::Jsonl => Self::names(None, "text", Some("text_bt")),
        }
    }

    pub(crate) fn each(&self) -> impl Iterator<Item = &Column> {
        self.label.iter().chain([&self.text]).chain(&self.pair)
    }
}

/// How a file is read.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct ReadOptions {
    /// The format; by default that of the file's name.
    pub format: Option<Format>,
    /// The columns; by default those of [`Columns::label_text`].
    pub columns: Option<Columns>,
    /// Whether the first line names the columns; by default only in CSV. JSONL has none.
    pub header: Option<bool>,
}

impl ReadOptions {
    /// The default options with these columns.
    pub fn with_columns(columns: Columns) -> Self {
        Self {
            columns: Some(columns),
            ..Self::default()
        }
    }

    /// The format, columns and header to use for `path`, defaults filled in.
    pub(crate) fn resolve(&self, path: &Path) -> Result<(Format, Columns, bool)> {
        let format = self.format.unwrap_or_else(|| Format::of(path));
        let columns = self
            .columns
            .clone()
            .unwrap_or_else(|| Columns::label_text(format));
        let header = self.header.unwrap_or(format == Format::Csv) && format != Format::Jsonl;
        let named = columns
            .each()
            .find(|column| matches!(column, Column::Name(_)));
        let placed = columns
            .each()
            .find(|column| matches!(column, Column::Index(_)));
        match (format, named, placed) {
            (Format::Jsonl, _, Some(index)) => Err(DataError::option(
                "columns",
                "names: JSON objects have keys",
                index,
            )),
            (Format::Tsv | Format::Csv, Some(name), _) if !header => Err(DataError::option(
                "columns",
                "places counted from 0, or `header = true`, since the file has no header line",
                format!("the name {name}"),
            )),
            _ if columns.only_label.is_some() && columns.label.is_none() => Err(DataError::option(
                "columns",
                "`label` beside `only_label`",
                "no `label`",
            )),
            _ => Ok((format, columns, header)),
        }
    }
}
