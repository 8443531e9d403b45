//! From text to records: the three formats.

use std::path::Path;

use super::options::{Column, Columns, Format, ReadOptions};
use super::source::{FileSummary, read_text};
use crate::error::{DataError, Result, excerpt};

/// One example as it stands in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The line it begins on, from 1.
    pub line: usize,
    /// Its label, if one was asked for; without white space at the ends, never empty.
    pub label: Option<String>,
    /// Its text, unchanged. It may be empty.
    pub text: String,
    /// The other wording, if one was asked for.
    pub pair: Option<String>,
}

/// The records of a file, in its order, and what identifies the file.
///
/// # Errors
/// Everything a file can be wrong about, with its line: see [`DataError`].
pub fn read_records(path: &Path, options: &ReadOptions) -> Result<(Vec<Record>, FileSummary)> {
    let (format, columns, header) = options.resolve(path)?;
    let (text, mut summary) = read_text(path)?;
    let reader = Reader {
        path,
        format,
        columns,
        header,
    };
    let mut records = match format {
        Format::Tsv => reader.tsv(&text)?,
        Format::Csv => reader.csv(&text)?,
        Format::Jsonl => reader.jsonl(&text)?,
    };
    if records.is_empty() {
        return Err(DataError::Empty {
            path: path.into(),
            expected: reader.pattern(),
        });
    }
    if let Some(only) = &reader.columns.only_label {
        records.retain(|record| record.label.as_deref() == Some(only));
        if records.is_empty() {
            let found = format!("{only:?}, which no row of {} has", path.display());
            return Err(DataError::option(
                "only_label",
                "a label of the file",
                found,
            ));
        }
    }
    summary.rows = records.len();
    Ok((records, summary))
}

struct Reader<'a> {
    path: &'a Path,
    format: Format,
    columns: Columns,
    header: bool,
}

impl Reader<'_> {
    fn tsv(&self, text: &str) -> Result<Vec<Record>> {
        // Only `\n` ends a line: U+2028, U+0085 and the like are characters of the text.
        let mut lines = text
            .split('\n')
            .enumerate()
            .map(|(index, line)| (index + 1, line.strip_suffix('\r').unwrap_or(line)))
            .filter(|(_, line)| !line.is_empty());
        let names: Vec<&str> = match self.header.then(|| lines.next()).flatten() {
            Some((_, line)) => line.split('\t').collect(),
            None => Vec::new(),
        };
        let places = self.places(&names)?;
        let most = if self.header || self.columns.pair.is_some() {
            usize::MAX
        } else {
            places.iter().flatten().max().map_or(1, |&last| last + 1)
        };
        lines
            .map(|(line, content)| {
                let fields: Vec<&str> = content.splitn(most, '\t').collect();
                self.record(line, content, places, |place| fields.get(place).copied())
            })
            .collect()
    }

    fn csv(&self, text: &str) -> Result<Vec<Record>> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(self.header)
            .flexible(true)
            .from_reader(text.as_bytes());
        let names = match self.header {
            true => reader
                .headers()
                .map_err(|error| self.csv_error(&error))?
                .clone(),
            false => csv::StringRecord::new(),
        };
        let places = self.places(&names.iter().collect::<Vec<_>>())?;
        reader
            .records()
            .map(|row| {
                let row = row.map_err(|error| self.csv_error(&error))?;
                let line = row.position().map_or(1, |position| line_of(text, position));
                let content = row.iter().collect::<Vec<_>>().join(",");
                self.record(line, &content, places, |place| row.get(place))
            })
            .collect()
    }

    fn jsonl(&self, text: &str) -> Result<Vec<Record>> {
        let lines = text
            .split('\n')
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty());
        lines
            .map(|(index, content)| {
                let line = index + 1;
                let object: serde_json::Map<String, serde_json::Value> =
                    serde_json::from_str(content).map_err(|error| {
                        self.line_error(line, content, format!("{} ({error})", excerpt(content)))
                    })?;
                let value = |column: &Column| match column {
                    Column::Name(name) => object.get(name).and_then(scalar),
                    Column::Index(_) => None,
                };
                let [label, text, pair] = self.wanted().map(|column| column.and_then(value));
                self.finish(line, content, [label, text, pair])
            })
            .collect()
    }

    /// Label, text and pair column.
    fn wanted(&self) -> [Option<&Column>; 3] {
        [
            self.columns.label.as_ref(),
            Some(&self.columns.text),
            self.columns.pair.as_ref(),
        ]
    }

    /// Places of the wanted columns, names looked up in the header.
    fn places(&self, names: &[&str]) -> Result<[Option<usize>; 3]> {
        let mut places = [None; 3];
        for (place, column) in places.iter_mut().zip(self.wanted()) {
            *place = match column {
                None => None,
                Some(Column::Index(index)) => Some(*index),
                Some(Column::Name(name)) => Some(
                    names
                        .iter()
                        .position(|found| found.trim() == name)
                        .ok_or_else(|| DataError::Line {
                            path: self.path.into(),
                            line: 1,
                            expected: format!("a header line with the column {name:?}"),
                            found: format!("the columns {}", names.join(", ")),
                            advice: "Name the columns to read in the run file".into(),
                        })?,
                ),
            };
        }
        Ok(places)
    }

    fn record<'f>(
        &self,
        line: usize,
        content: &str,
        places: [Option<usize>; 3],
        field: impl Fn(usize) -> Option<&'f str>,
    ) -> Result<Record> {
        let fields = places.map(|place| place.and_then(&field).map(str::to_string));
        self.finish(line, content, fields)
    }

    /// A record of label, text and pair, if every wanted one is there.
    fn finish(&self, line: usize, content: &str, fields: [Option<String>; 3]) -> Result<Record> {
        for (column, field) in self.wanted().into_iter().zip(&fields) {
            if column.is_some() && field.is_none() {
                return Err(self.line_error(line, content, excerpt(content)));
            }
        }
        let [label, text, pair] = fields;
        let label = label.map(|label| label.trim().to_string());
        if label.as_deref() == Some("") {
            let found = format!("an empty label in {}", excerpt(content));
            return Err(self.line_error(line, content, found));
        }
        Ok(Record {
            line,
            label,
            text: text.unwrap_or_default(),
            pair,
        })
    }

    /// What one row should look like, in words.
    fn pattern(&self) -> String {
        let columns: Vec<String> = self.columns.each().map(ToString::to_string).collect();
        match self.format {
            Format::Tsv if self.columns == Columns::label_text(Format::Tsv) => {
                "label<TAB>text".into()
            }
            Format::Tsv if self.columns == Columns::text_pair(Format::Tsv) => {
                "text<TAB>other wording".into()
            }
            Format::Tsv => format!(
                "columns separated by tabs, among them {}",
                columns.join(", ")
            ),
            Format::Csv => format!(
                "columns separated by commas, among them {}",
                columns.join(", ")
            ),
            Format::Jsonl => format!("a JSON object with the keys {}", columns.join(", ")),
        }
    }

    fn line_error(&self, line: usize, content: &str, found: String) -> DataError {
        let advice = match self.format {
            Format::Tsv if !content.contains('\t') => {
                "The line has no tab: correct it or remove it"
            }
            Format::Tsv | Format::Csv => "Correct the line, or name other columns in the run file",
            Format::Jsonl => "Correct the line, or name other keys in the run file",
        };
        let advice = advice.into();
        DataError::Line {
            path: self.path.into(),
            line,
            expected: self.pattern(),
            found,
            advice,
        }
    }

    fn csv_error(&self, error: &csv::Error) -> DataError {
        let line = error
            .position()
            .map_or(1, |position| position.line() as usize);
        self.line_error(line, "", error.to_string())
    }
}

/// The line a CSV row begins on. The crate's position is where the last row ended: blank lines that
/// follow it belong to no row and are passed over here.
fn line_of(text: &str, position: &csv::Position) -> usize {
    let rest = text
        .as_bytes()
        .get(position.byte() as usize..)
        .unwrap_or_default();
    let blank = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() as usize + blank.filter(|&&byte| byte == b'\n').count()
}

/// Labels are often numbers or truth values in JSON; anything deeper is no text.
fn scalar(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        serde_json::Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}
