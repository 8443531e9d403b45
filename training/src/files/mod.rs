//! Files that are either the old ones or the new ones, never something in between.
//!
//! Everything is written under a temporary name in the same folder, synced to the disk, and then
//! renamed, which the file system does at once. Whatever fails on the way (a full disk, a killed
//! process, a power cut) leaves the former file as it was.

mod atomic;
mod checksum;

pub use atomic::{remove_folder, remove_partials, write_atomic, write_atomic_with, write_folder};
pub use checksum::{sha256, sha256_file, sha256_hex};

pub(crate) use atomic::is_partial;
pub(crate) use checksum::hex;

use std::fs;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Result, TrainingError};

/// Reads a whole file; the error names it.
///
/// # Errors
/// If the file is missing or cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(TrainingError::io("read", path))
}

/// Reads a whole UTF-8 file; the error names it.
///
/// # Errors
/// If the file is missing, cannot be read, or is not UTF-8 (with the offset of the first bad
/// byte).
pub fn read_text(path: &Path) -> Result<String> {
    String::from_utf8(read(path)?).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        TrainingError::damaged(path, format!("invalid UTF-8 at byte {offset}"))
    })
}

/// Writes a value as indented JSON with a final line break, at once.
///
/// # Errors
/// If the file cannot be written.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| TrainingError::io("write", path)(error.into()))?;
    write_atomic(path, format!("{text}\n").as_bytes())
}

/// Reads a value from JSON; none if there is no such file.
///
/// # Errors
/// If the file cannot be read, or does not hold such a value (with line and column).
pub fn read_json_if_present<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    if !path.exists() {
        return Ok(None);
    }
    serde_json::from_str(&read_text(path)?)
        .map(Some)
        .map_err(|error| TrainingError::damaged(path, error.to_string()))
}
