//! `metrics.jsonl`: one line per measurement, appended while the run goes on.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize};

use super::RunPaths;
use crate::error::{Result, TrainingError};
use crate::files;

/// One measurement: flat in JSON, so that any tool reads it as a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricRecord {
    /// The number of updates done, counted over all stages of the run.
    pub step: u64,
    /// The epoch it belongs to, counted from 1.
    pub epoch: u64,
    /// The stage of the recipe ("teacher", "student" ...), or the model's name.
    pub stage: String,
    /// What was measured on: "train", "dev", "test".
    pub split: String,
    /// Loss terms and metrics under their names; `null` in the file if not finite, then read
    /// back as NaN.
    #[serde(flatten, deserialize_with = "null_is_nan")]
    pub values: BTreeMap<String, f64>,
}

fn null_is_nan<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<BTreeMap<String, f64>, D::Error> {
    let values = BTreeMap::<String, Option<f64>>::deserialize(deserializer)?;
    Ok(values
        .into_iter()
        .map(|(name, value)| (name, value.unwrap_or(f64::NAN)))
        .collect())
}

/// The open `metrics.jsonl` of a run.
#[derive(Debug)]
pub struct MetricsLog {
    file: File,
    path: PathBuf,
}

impl MetricsLog {
    /// Opens the file for appending, keeping only what belongs to the first `step` updates: 0
    /// for a new run, the checkpoint's step for a resumed one, whose later measurements will be
    /// made again. Lines torn by a power cut go as well.
    ///
    /// # Errors
    /// If the file cannot be read or written.
    pub fn open_at(paths: &RunPaths, step: u64) -> Result<Self> {
        let path = paths.metrics();
        let mut kept = Vec::new();
        if path.exists() {
            for record in read_metrics(paths)?
                .iter()
                .filter(|record| record.step <= step)
            {
                write_line(&mut kept, record).map_err(TrainingError::io("write", &path))?;
            }
        }
        files::write_atomic(&path, &kept)?;
        let file = File::options()
            .append(true)
            .open(&path)
            .map_err(TrainingError::io("open", &path))?;
        Ok(Self { file, path })
    }

    /// Appends one measurement. It is in the file, though perhaps not yet on the disk, when this
    /// returns.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn append(&mut self, record: &MetricRecord) -> Result<()> {
        write_line(&mut self.file, record).map_err(TrainingError::io("write", &self.path))
    }

    /// Makes sure that everything is on the disk. Call it before a checkpoint is written, which
    /// counts on the measurements up to its step.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn sync(&self) -> Result<()> {
        self.file
            .sync_all()
            .map_err(TrainingError::io("write", &self.path))
    }
}

/// One write for the whole line: two processes' or a killed process' lines never interleave.
fn write_line(writer: &mut dyn Write, record: &MetricRecord) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    writer.write_all(&line)
}

/// All measurements of a run, in the order they were made; lines that a killed process or a
/// power cut left unreadable are passed over.
///
/// # Errors
/// If the file cannot be read; a missing file has no measurements.
pub fn read_metrics(paths: &RunPaths) -> Result<Vec<MetricRecord>> {
    let path = paths.metrics();
    if !path.exists() {
        return Ok(Vec::new());
    }
    let bytes = files::read(&path)?;
    let lines = bytes.split(|&byte| byte == b'\n');
    Ok(lines
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect())
}
