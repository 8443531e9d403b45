//! Tables of recordings, and parts of them without a common speaker.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{DataError, Result, excerpt};
use crate::read::{expect_folder, list, read_text};

/// A recording of one thing said by one speaker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// What is said.
    pub label: String,
    /// The WAV file.
    pub path: PathBuf,
    /// Who says it.
    pub speaker: String,
}

/// Which column of a table holds what, from 0; by default `label<TAB>path<TAB>speaker`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecordingColumns {
    /// What is said.
    pub label: usize,
    /// The WAV file, from the table's folder.
    pub path: usize,
    /// Who says it.
    pub speaker: usize,
}

impl Default for RecordingColumns {
    fn default() -> Self {
        Self {
            label: 0,
            path: 1,
            speaker: 2,
        }
    }
}

/// Reads a table of recordings: a TSV file in `folder`, a line for each, without a header. Blank lines
/// are passed over; white space around a field does not count. The WAV files are looked for, not read.
///
/// # Errors
/// The table is missing, empty or no text; a line without one of the columns, with an empty one, with a
/// WAV file that does not exist, or with one that an earlier line has.
pub fn read_recordings(
    folder: &Path,
    table: &str,
    columns: &RecordingColumns,
) -> Result<Vec<Recording>> {
    expect_folder(folder)?;
    let path = folder.join(table);
    let (text, _) = read_text(&path)?;
    let mut recordings = Vec::new();
    let mut line_of = HashMap::new();
    for (line, content) in (1..).zip(text.split('\n')) {
        if content.trim().is_empty() {
            continue;
        }
        let wrong = |expected: &str, found: String, advice: &str| DataError::Line {
            path: path.clone(),
            line,
            expected: expected.into(),
            found,
            advice: advice.into(),
        };
        let recording = recording(folder, content, columns, &wrong)?;
        if let Some(earlier) = line_of.insert(recording.path.clone(), line) {
            let found = format!("{}, as in line {earlier}", recording.path.display());
            let advice = "Remove one of the lines: a recording in two parts gives the answer away";
            return Err(wrong("a WAV file of its own", found, advice));
        }
        recordings.push(recording);
    }
    if recordings.is_empty() {
        return Err(DataError::Empty {
            path,
            expected: "lines of label<TAB>path<TAB>speaker".into(),
        });
    }
    Ok(recordings)
}

fn recording(
    folder: &Path,
    content: &str,
    columns: &RecordingColumns,
    wrong: &dyn Fn(&str, String, &str) -> DataError,
) -> Result<Recording> {
    let fields: Vec<&str> = content.split('\t').map(str::trim).collect();
    let field = |name: &str, column: usize| match fields.get(column) {
        Some(field) if !field.is_empty() => Ok(field.to_string()),
        _ => Err(wrong(
            &format!("the {name} in column {column} (from 0), fields separated by tabs"),
            excerpt(content),
            "Correct the line, or the number of the column",
        )),
    };
    let label = field("label", columns.label)?;
    let name = field("path", columns.path)?;
    let speaker = field("speaker", columns.speaker)?;
    let path = folder.join(&name);
    if !path.is_file() {
        return Err(wrong(
            "the path of a WAV file, from the folder of the table",
            format!("{}, which is no file", path.display()),
            "Correct the path, or add the file",
        ));
    }
    Ok(Recording {
        label,
        path,
        speaker,
    })
}

/// Recordings in three parts of different speakers, each in the order of the table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpeakerSplit {
    /// The recordings of all other speakers.
    pub train: Vec<Recording>,
    /// Those of the speakers of dev.
    pub dev: Vec<Recording>,
    /// Those of the speakers of test.
    pub test: Vec<Recording>,
}

/// Parts without a common speaker: what is learned is then not who speaks. Either list may be empty.
///
/// # Errors
/// A speaker who has no recording, stands twice, or stands in both lists; nobody left for train.
///
/// ```
/// use limbeck_data::speech::{Recording, by_speaker};
/// let said_by = |speaker: &str| Recording {
///     label: "one".into(),
///     path: format!("{speaker}.wav").into(),
///     speaker: speaker.into(),
/// };
/// let recordings = ["ann", "ben", "cay"].map(said_by);
/// let split = by_speaker(&recordings, &["ben".into()], &[])?;
/// assert_eq!((split.train.len(), split.dev.len(), split.test[0].speaker.as_str()), (2, 0, "ben"));
/// # Ok::<(), limbeck_data::DataError>(())
/// ```
pub fn by_speaker(
    recordings: &[Recording],
    test: &[String],
    dev: &[String],
) -> Result<SpeakerSplit> {
    let known: BTreeSet<&str> = recordings.iter().map(|r| r.speaker.as_str()).collect();
    let names: Vec<String> = known.iter().map(|name| name.to_string()).collect();
    let mut taken = BTreeSet::new();
    for (part, speakers) in [("test_speakers", test), ("dev_speakers", dev)] {
        for speaker in speakers {
            if !known.contains(speaker.as_str()) {
                let expected = format!("speakers of the recordings, who are {}", list(&names));
                return Err(DataError::option(part, expected, excerpt(speaker)));
            }
            if !taken.insert(speaker.as_str()) {
                let found = format!("{} twice", excerpt(speaker));
                return Err(DataError::option(
                    part,
                    "a speaker in one place only",
                    found,
                ));
            }
        }
    }
    let mut split = SpeakerSplit::default();
    for recording in recordings {
        let part = if test.contains(&recording.speaker) {
            &mut split.test
        } else if dev.contains(&recording.speaker) {
            &mut split.dev
        } else {
            &mut split.train
        };
        part.push(recording.clone());
    }
    if split.train.is_empty() {
        let expected = format!(
            "a speaker who is left to train on; all are {}",
            list(&names)
        );
        return Err(DataError::option("test_speakers", expected, "none"));
    }
    Ok(split)
}
