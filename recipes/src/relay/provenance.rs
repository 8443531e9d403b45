//! What a run writes down besides its models: where each label came from, and which losses converged.

use std::path::PathBuf;

use limbeck_training::files::{read_json_if_present, write_atomic, write_json};
use limbeck_training::run_folder::RunPaths;
use serde::{Deserialize, Serialize};

use super::labels::{Evidence, Source, Target};
use crate::error::{Error, Result};
use crate::text::LabelSpace;

/// One line of `relay/STUDENT.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// The number of the sample in the training data, from 0.
    pub sample: usize,
    /// How good A's label is.
    pub score_a: f64,
    /// Whether that reaches the threshold.
    pub target: bool,
    /// How good B's label is; none where B was not asked.
    pub score_b: Option<f64>,
    /// Where the label that the student was given comes from.
    pub source: Source,
    /// The original labels.
    pub original: Vec<String>,
    /// The labels that the student was given; of a distribution the decisions in it.
    pub label: Vec<String>,
}

impl Provenance {
    /// The lines of all samples.
    pub fn lines(targets: &[Target], evidence: &Evidence<'_>, space: &LabelSpace) -> Vec<Self> {
        let names = |labels: &[u32]| -> Vec<String> {
            space.tags(labels).into_iter().map(String::from).collect()
        };
        let line = |(sample, target): (usize, &Target)| Provenance {
            sample,
            score_a: evidence.partition.scores[sample],
            target: evidence.partition.is_target(sample),
            score_b: evidence.b[sample].as_ref().map(|(_, score)| *score),
            source: target.source,
            original: names(&evidence.labels[sample]),
            label: names(&target.labels),
        };
        targets.iter().enumerate().map(line).collect()
    }
}

/// Writes where a student's labels come from, in a run that has a folder.
pub(super) fn write(
    paths: Option<&RunPaths>,
    student: &str,
    targets: &[Target],
    evidence: &Evidence<'_>,
    space: &LabelSpace,
) -> Result<()> {
    let Some(path) = file(paths, &format!("{student}.jsonl"))? else {
        return Ok(());
    };
    let mut text = String::new();
    for line in Provenance::lines(targets, evidence, space) {
        let line = serde_json::to_string(&line);
        text += &line.expect("a line holds numbers, flags and names");
        text.push('\n');
    }
    Ok(write_atomic(&path, text.as_bytes())?)
}

#[derive(Serialize, Deserialize)]
struct Ending {
    converged: bool,
}

/// Remembers whether a stage has ended because its loss had converged.
pub(super) fn keep_converged(paths: Option<&RunPaths>, stage: &str, converged: bool) -> Result<()> {
    match file(paths, &format!("{stage}.json"))? {
        Some(path) => Ok(write_json(&path, &Ending { converged })?),
        None => Ok(()),
    }
}

/// What [`keep_converged`] was told.
pub(super) fn has_converged(paths: Option<&RunPaths>, stage: &str) -> Result<bool> {
    let Some(path) = file(paths, &format!("{stage}.json"))? else {
        return Ok(false);
    };
    let ending: Option<Ending> = read_json_if_present(&path)?;
    Ok(ending.is_some_and(|ending| ending.converged))
}

/// A file of the folder `relay` of the run folder.
fn file(paths: Option<&RunPaths>, name: &str) -> Result<Option<PathBuf>> {
    let Some(paths) = paths else { return Ok(None) };
    let folder = paths.root().join("relay");
    std::fs::create_dir_all(&folder).map_err(|cause| Error::io("create", &folder, cause))?;
    Ok(Some(folder.join(name)))
}
