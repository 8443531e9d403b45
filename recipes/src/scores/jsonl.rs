//! Scores a line each.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use limbeck_data::DataError;
use serde::Deserialize;
use serde_json::json;

use super::{Kind, ScoreFile, ScoreHead, TextKey, check_labels, line_error, text_key};
use crate::error::{Error, Result};

/// A line behind the header; other keys are passed over.
#[derive(Deserialize)]
struct Line {
    text: Option<String>,
    sha256: Option<String>,
    logits: Option<Vec<f64>>,
    probabilities: Option<Vec<f64>>,
}

impl Line {
    /// Which text it is about; what is wrong otherwise.
    fn key(&self) -> std::result::Result<TextKey, String> {
        let given = self.sha256.as_deref().map(|digits| {
            from_hex(digits).ok_or_else(|| {
                format!("{digits:?}, which is not a SHA-256: it has 64 hexadecimal digits")
            })
        });
        match (self.text.as_deref().map(text_key), given.transpose()?) {
            (Some(of_text), Some(given)) if of_text != given => {
                Err("a text and the checksum of another".into())
            }
            (Some(key), _) | (None, Some(key)) => Ok(key),
            (None, None) => Err("neither a text nor its checksum".into()),
        }
    }

    fn values(&self) -> std::result::Result<(Kind, &[f64]), String> {
        match (&self.logits, &self.probabilities) {
            (Some(logits), None) => Ok((Kind::Logits, logits)),
            (None, Some(probabilities)) => Ok((Kind::Probabilities, probabilities)),
            (Some(_), Some(_)) => Err("both logits and probabilities".into()),
            (None, None) => Err("neither logits nor probabilities".into()),
        }
    }
}

pub(super) fn read(path: &Path) -> Result<ScoreFile> {
    let opened = File::open(path).map_err(|cause| match cause.kind() {
        std::io::ErrorKind::NotFound => DataError::Missing {
            path: path.into(),
            advice: "Expected a file of scores: check the folder and the name".into(),
        }
        .into(),
        _ => Error::io("read", path, cause),
    })?;
    let mut source = BufReader::new(opened);
    let (mut bytes, mut number) = (Vec::new(), 0);
    let mut file: Option<ScoreFile> = None;
    let mut lines = Vec::new();
    loop {
        bytes.clear();
        let read = source.read_until(b'\n', &mut bytes);
        if read.map_err(|cause| Error::io("read", path, cause))? == 0 {
            break;
        }
        number += 1;
        let line = std::str::from_utf8(&bytes).map_err(|error| DataError::Encoding {
            path: path.into(),
            line: number,
            column: error.valid_up_to() + 1,
            value: bytes[error.valid_up_to()],
        })?;
        // Some editors put a mark before the first line.
        let line = line.trim_start_matches('\u{feff}').trim();
        let wrong = |found| line_error(path, number, found);
        match &mut file {
            None => file = Some(header(line).map_err(wrong)?),
            Some(_) if line.is_empty() => {}
            Some(file) => {
                add(file, line).map_err(wrong)?;
                lines.push(number);
            }
        }
    }
    let file = file.ok_or_else(|| line_error(path, 1, "an empty file".into()))?;
    Ok(ScoreFile {
        lines: Some(lines),
        ..file
    })
}

fn header(line: &str) -> std::result::Result<ScoreFile, String> {
    let head: ScoreHead = serde_json::from_str(line).map_err(|error| shown(line, &error))?;
    check_labels(&head.labels)?;
    Ok(ScoreFile {
        head,
        keys: Vec::new(),
        logits: Vec::new(),
        lines: None,
    })
}

fn add(file: &mut ScoreFile, line: &str) -> std::result::Result<(), String> {
    let line: Line = serde_json::from_str(line).map_err(|error| shown(line, &error))?;
    let key = line.key()?;
    let (kind, values) = line.values()?;
    let classes = file.head.labels.len();
    kind.logits(values.iter().copied(), classes, &mut file.logits)?;
    file.keys.push(key);
    Ok(())
}

/// The start of a line, and why it cannot be read.
fn shown(line: &str, error: &serde_json::Error) -> String {
    const LONGEST: usize = 60;
    let start: String = line.chars().take(LONGEST).collect();
    format!("{start:?} ({error})")
}

pub(super) fn to_text(file: &ScoreFile) -> String {
    let mut text = String::new();
    let head = serde_json::to_string(&file.head).expect("a header holds numbers and texts alone");
    let _ = writeln!(text, "{head}");
    for (key, row) in file.keys.iter().zip(file.rows()) {
        // As f64 the digits are those of the very number, so that it comes back bit for bit.
        let row: Vec<f64> = row.iter().map(|&value| f64::from(value)).collect();
        let _ = writeln!(text, "{}", json!({ "sha256": to_hex(key), "logits": row }));
    }
    text
}

fn to_hex(key: &TextKey) -> String {
    key.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(digits: &str) -> Option<TextKey> {
    let mut key = [0; 32];
    let digits = digits.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in key.iter_mut().zip(digits.chunks(2)) {
        let value = |digit: u8| (digit as char).to_digit(16);
        *byte = (16 * value(pair[0])? + value(pair[1])?) as u8;
    }
    Some(key)
}
