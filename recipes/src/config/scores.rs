//! A teacher that is a file of scores: `kind = "file"`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Scores that another program gave texts, in the place of a model; see [`crate::scores`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoresConfig {
    /// A `.jsonl` or `.safetensors` file.
    pub file: PathBuf,
    /// What happens to training texts that the file does not have.
    pub missing: MissingScores,
}

/// What happens to training texts without scores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingScores {
    /// The run does not start.
    #[default]
    Refuse,
    /// They take no part in the terms of soft labels.
    LeaveOut,
}
