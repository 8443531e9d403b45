//! Writing files whole; saving fitted tables as JSON and loading them with checks.

use std::io::Write;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{DataError, Result};

/// What the first fields of every saved table are.
pub struct Kind {
    /// What the file holds, in words.
    pub format: &'static str,
    /// The version this build writes and reads.
    pub version: u64,
}

#[derive(Serialize)]
struct Envelope<'a, T> {
    format: &'a str,
    format_version: u64,
    #[serde(flatten)]
    content: &'a T,
}

/// Writes to a temporary name beside `path`, then renames: a reader never sees half a file.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let io = |source| DataError::io(path, source);
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let mut file = std::fs::File::create(&temporary).map_err(io)?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(io)?;
    std::fs::rename(&temporary, path).map_err(io)
}

impl Kind {
    /// Writes the file whole, or not at all.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save<T: Serialize>(&self, path: &Path, content: &T) -> Result<()> {
        let envelope = Envelope {
            format: self.format,
            format_version: self.version,
            content,
        };
        let json = serde_json::to_vec(&envelope);
        let json = json.map_err(|error| DataError::io(path, error.into()))?;
        write_whole(path, &json)
    }

    /// Reads a file of this format and version.
    ///
    /// # Errors
    /// No such file, broken JSON, another format or version.
    pub fn load<T: DeserializeOwned>(&self, path: &Path) -> Result<T> {
        let bytes = std::fs::read(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => DataError::Missing {
                path: path.into(),
                advice: format!("Expected a {} beside the model", self.format),
            },
            _ => DataError::io(path, source),
        })?;
        let broken = |error: serde_json::Error| {
            self.refuse(
                path,
                format!("expected a {}, found broken JSON: {error}", self.format),
            )
        };
        let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(broken)?;
        if value["format"] != self.format {
            let found = &value["format"];
            let message = format!("expected the format {:?}, found {found}", self.format);
            return Err(self.refuse(path, message));
        }
        if value["format_version"] != self.version {
            let message = format!(
                "expected version {} of a {}, found {}. Use the release that wrote it, or make \
                 the file again",
                self.version, self.format, value["format_version"]
            );
            return Err(self.refuse(path, message));
        }
        serde_json::from_value(value).map_err(broken)
    }

    pub(crate) fn refuse(&self, path: &Path, message: String) -> DataError {
        DataError::Saved {
            path: path.into(),
            message,
        }
    }
}
