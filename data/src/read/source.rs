//! From a path to checked text: decompression, byte order mark, UTF-8, NUL bytes, checksum.

use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::{DataError, Result};

/// Which file was read: recorded in the run folder, so that a run can be traced to its data.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FileSummary {
    /// The path as it was opened.
    pub path: PathBuf,
    /// Size on disk in bytes.
    pub bytes: u64,
    /// SHA-256 of the file on disk, in hexadecimal digits.
    pub sha256: String,
    /// Examples read from it.
    pub rows: usize,
}

/// The SHA-256 of a file on disk, in hexadecimal digits.
///
/// # Errors
/// The file is missing or unreadable.
pub fn file_sha256(path: &Path) -> Result<String> {
    Ok(hex(&Sha256::digest(read_bytes(path)?)))
}

/// A file's text, and its summary with `rows` still 0.
pub(crate) fn read_text(path: &Path) -> Result<(String, FileSummary)> {
    let raw = read_bytes(path)?;
    let summary = FileSummary {
        path: path.into(),
        bytes: raw.len() as u64,
        sha256: hex(&Sha256::digest(&raw)),
        rows: 0,
    };
    let mut bytes = if raw.starts_with(&[0x1F, 0x8B]) {
        decompress(path, &raw)?
    } else {
        raw
    };
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        bytes.drain(..3);
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let (line, column) = position(error.as_bytes(), at);
        DataError::Encoding {
            path: path.into(),
            line,
            column,
            value: error.as_bytes()[at],
        }
    })?;
    match text.bytes().position(|byte| byte == 0) {
        None => Ok((text, summary)),
        Some(at) => {
            let (line, column) = position(text.as_bytes(), at);
            Err(nul_byte(path, line, column))
        }
    }
}

/// The error for a NUL byte at these numbers, both from 1.
pub(crate) fn nul_byte(path: &Path, line: usize, column: usize) -> DataError {
    DataError::Line {
        path: path.into(),
        line,
        expected: "text".into(),
        found: format!("a NUL byte at byte {column} of the line"),
        advice: "Remove it; if every second byte is NUL, the file is UTF-16: convert it to UTF-8"
            .into(),
    }
}

/// `path` itself, or `path.gz` if only that exists.
pub(crate) fn plain_or_compressed(path: PathBuf) -> PathBuf {
    let mut compressed = path.clone().into_os_string();
    compressed.push(".gz");
    let compressed = PathBuf::from(compressed);
    if !path.exists() && compressed.exists() {
        compressed
    } else {
        path
    }
}

fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|source| unreadable(path, source))
}

/// The error for a file that cannot be opened.
pub(crate) fn unreadable(path: &Path, source: std::io::Error) -> DataError {
    match source.kind() {
        std::io::ErrorKind::NotFound => DataError::Missing {
            path: path.into(),
            advice: "Check the folder and the name".into(),
        },
        _ => DataError::io(path, source),
    }
}

fn decompress(path: &Path, raw: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    flate2::read::MultiGzDecoder::new(raw)
        .read_to_end(&mut bytes)
        .map_err(|source| DataError::io(path, source))?;
    Ok(bytes)
}

/// Line and byte within the line, both from 1.
fn position(bytes: &[u8], at: usize) -> (usize, usize) {
    let before = &bytes[..at];
    let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
    let start = before
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |newline| newline + 1);
    (line, at - start + 1)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
