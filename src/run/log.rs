//! `log.txt` of the run folder: what the program says while a run is on.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use limbeck_training::run_folder::RunPaths;

use super::{Error, Result};

/// The log of the run that is on. A process has one log, as it has one stderr.
static FILE: Mutex<Option<File>> = Mutex::new(None);

/// Writes to the `log.txt` of the run that is on, and nowhere while none is. Give it to a
/// subscriber of `tracing` to have the log of library runs written too.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunLog;

impl Write for RunLog {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut file = FILE.lock().unwrap_or_else(PoisonError::into_inner);
        file.as_mut()
            .map_or(Ok(line.len()), |file| file.write(line))
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut file = FILE.lock().unwrap_or_else(PoisonError::into_inner);
        file.as_mut().map_or(Ok(()), File::flush)
    }
}

/// Lets the log go on in a run folder until this is dropped.
pub(super) struct LogInFolder(());

impl LogInFolder {
    pub(super) fn open(paths: &RunPaths) -> Result<Self> {
        let path = paths.log();
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.map_err(|cause| Error::Io {
            action: "write to",
            path,
            cause,
        })?;
        *FILE.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
        Ok(Self(()))
    }
}

impl Drop for LogInFolder {
    fn drop(&mut self) {
        *FILE.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
