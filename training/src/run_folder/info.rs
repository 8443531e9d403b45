//! `run.json`: everything needed to tell where a run's figures come from.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::RunPaths;
use crate::error::{Result, TrainingError};
use crate::files;

const FORMAT: &str = "limbeck-run";
const FORMAT_VERSION: u32 = 1;

/// The provenance of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunInfo {
    format: String,
    format_version: u32,
    /// The version of Limbeck that started the run.
    pub version: String,
    /// The program's command: "train" or "distill".
    pub command: String,
    /// The recipe or model: "layerwise", "text_cnn" ...
    pub method: String,
    /// The seed of all random numbers.
    pub seed: u64,
    /// The device as in `--device`.
    pub device: String,
    /// The GPU's name and driver; none on the CPU.
    pub adapter: Option<String>,
    /// The instruction set of the CPU kernels: "portable", "avx2", "avx512" ...
    pub instruction_set: String,
    /// Operating system and architecture: "linux x86_64".
    pub platform: String,
    /// Seconds from 1970-01-01 UTC to the start of the run.
    pub started: u64,
    /// The files the run was fed with.
    pub data: Vec<DataFile>,
}

/// One file of the data, and how to recognise it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFile {
    /// What it is for: "train", "dev", "test", "unlabelled" ...
    pub role: String,
    /// Where it was read from.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
}

impl DataFile {
    /// Measures a file.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn measure(role: &str, path: &Path) -> Result<Self> {
        let bytes = std::fs::metadata(path)
            .map_err(TrainingError::io("read", path))?
            .len();
        let sha256 = files::sha256_file(path)?;
        Ok(Self {
            role: role.to_owned(),
            path: path.display().to_string(),
            bytes,
            sha256,
        })
    }
}

impl RunInfo {
    /// The provenance of a run that starts now on this platform, on the CPU without data; the
    /// caller fills in the rest.
    pub fn new(command: &str, method: &str, seed: u64) -> Self {
        let since_1970 = std::time::SystemTime::UNIX_EPOCH.elapsed();
        Self {
            format: FORMAT.into(),
            format_version: FORMAT_VERSION,
            version: env!("CARGO_PKG_VERSION").into(),
            command: command.into(),
            method: method.into(),
            seed,
            device: "cpu".into(),
            adapter: None,
            instruction_set: "portable".into(),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            started: since_1970.map(|duration| duration.as_secs()).unwrap_or(0),
            data: Vec::new(),
        }
    }

    /// Reads `run.json`.
    ///
    /// # Errors
    /// If it cannot be read, is not ours, or was written by a later version.
    pub fn read(paths: &RunPaths) -> Result<Self> {
        #[derive(Deserialize)]
        struct Head {
            format: String,
            format_version: u32,
        }
        let path = paths.run_info();
        let text = files::read_text(&path)?;
        let foreign = || {
            TrainingError::run_folder(
                paths.root(),
                "its run.json was not written by Limbeck; choose an empty or new folder",
            )
        };
        let head: Head = serde_json::from_str(&text).map_err(|_| foreign())?;
        if head.format != FORMAT {
            return Err(foreign());
        }
        if head.format_version > FORMAT_VERSION {
            return Err(TrainingError::run_folder(
                paths.root(),
                format!(
                    "written in format {} by a later version; this one reads up to {FORMAT_VERSION}",
                    head.format_version
                ),
            ));
        }
        serde_json::from_str(&text)
            .map_err(|error| TrainingError::damaged(&path, error.to_string()))
    }

    /// Writes `run.json`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, paths: &RunPaths) -> Result<()> {
        files::write_json(&paths.run_info(), self)
    }
}
