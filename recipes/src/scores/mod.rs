//! Files of scores: what a teacher, made by whatever program, says of texts. `distill` learns from
//! one in the place of a model, and `limbeck score` writes them.
//!
//! JSONL has a header line that names the classes, and then a line for each text, which is given as
//! it is or by the SHA-256 of its UTF-8 bytes, with logits or with probabilities:
//!
//! ```text
//! {"labels": ["colour", "resin"]}
//! {"text": "a clear varnish", "probabilities": [0.125, 0.875]}
//! {"sha256": "9f86d081...", "logits": [-1.5, 2.25]}
//! ```
//!
//! A safetensors file has `logits` or `probabilities` `[n, classes]`, the checksums of the texts as
//! `sha256` `[n, 32]` of type U8, and in its metadata `labels`, a JSON list. The classes may stand in
//! any order; they are brought into that of the data.
//!
//! What `limbeck score` writes also names the teacher's weights, its tokeniser and the list of texts,
//! so that shards of one job are told from those of another.

mod compute;
mod jsonl;
mod merge;
mod table;
mod tensors;

use std::path::Path;

use limbeck_data::DataError;
use limbeck_training::files::{sha256, sha256_hex, write_atomic};
use serde::{Deserialize, Serialize};

pub use compute::{score, texts_of};
pub use merge::merge;
pub use table::ScoreTable;

use crate::error::{Error, Result};

/// The SHA-256 of a text's UTF-8 bytes.
pub type TextKey = [u8; 32];

/// Far more than rounding to two digits adds up to, and less than any score that is no
/// probability.
const SUM_TOLERANCE: f64 = 0.01;
/// What a probability of zero counts as, so that it has a logarithm.
const LEAST: f64 = 1e-12;

/// What a file of scores says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreHead {
    /// The classes, in the order of the scores.
    pub labels: Vec<String>,
    /// SHA-256 of the teacher's weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teacher: Option<String>,
    /// Fingerprint of its tokeniser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokeniser: Option<String>,
    /// Number of texts of the whole job, all shards together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub texts: Option<usize>,
    /// SHA-256 of the checksums of all these texts, in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<String>,
    /// Which part of the job this is; none for the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
}

/// Part `number` (from 1) of `of` parts, written `2/8`: texts that follow each other.
///
/// ```
/// use limbeck_recipes::scores::Shard;
/// let shard: Shard = "2/3".parse()?;
/// assert_eq!(shard.range(10), 3..6);
/// assert!("4/3".parse::<Shard>().is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shard {
    number: usize,
    of: usize,
}

impl Shard {
    /// The only part.
    pub const WHOLE: Shard = Shard { number: 1, of: 1 };

    /// Which of so many texts are in this part.
    pub fn range(self, texts: usize) -> std::ops::Range<usize> {
        // Wide, so that no number of texts overflows.
        let end = |n: usize| (texts as u128 * n as u128 / self.of as u128) as usize;
        end(self.number - 1)..end(self.number)
    }
}

impl std::str::FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let numbers = text.split_once('/');
        let numbers = numbers.and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        match numbers {
            Some((number, of)) if (1..=of).contains(&number) => Ok(Shard { number, of }),
            _ => Err(format!(
                "expected a part and the number of parts, such as 1/4, found {text:?}"
            )),
        }
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.number, self.of)
    }
}

impl TryFrom<String> for Shard {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        text.parse()
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> Self {
        shard.to_string()
    }
}

/// A file of scores in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreFile {
    /// What it says of itself.
    pub head: ScoreHead,
    /// The texts, by their checksums.
    pub keys: Vec<TextKey>,
    /// A row of logits for each, in the order of the labels: `[texts, classes]`.
    pub logits: Vec<f32>,
    /// The line of each row, from 1, where the file has lines.
    pub lines: Option<Vec<usize>>,
}

impl ScoreFile {
    /// Reads a `.safetensors` or a `.jsonl` file.
    ///
    /// # Errors
    /// The first thing that is wrong with it, with its line or row: no labels, rows of another
    /// length, numbers that are not finite, probabilities that are negative or do not add up to 1,
    /// fewer rows than its header announces.
    pub fn read(path: &Path) -> Result<Self> {
        let file = match Form::of(path)? {
            Form::Jsonl => jsonl::read(path)?,
            Form::Tensors => tensors::read(path)?,
        };
        if let Some(texts) = file.head.texts {
            let announced = file.head.shard.unwrap_or(Shard::WHOLE).range(texts).len();
            if announced != file.keys.len() {
                return Err(Error::model(
                    path,
                    format!(
                        "is cut off or damaged: its header announces {announced} texts, and it has {}",
                        file.keys.len()
                    ),
                ));
            }
        }
        Ok(file)
    }

    /// Writes the file at once, in the form that its name ends with.
    ///
    /// # Errors
    /// If the name ends with neither `.safetensors` nor `.jsonl`, or the disk refuses.
    pub fn write(&self, path: &Path) -> Result<()> {
        let bytes = match Form::of(path)? {
            Form::Jsonl => self.to_jsonl().into_bytes(),
            Form::Tensors => tensors::to_bytes(self),
        };
        Ok(write_atomic(path, &bytes)?)
    }

    /// The lines of the file as JSONL.
    pub fn to_jsonl(&self) -> String {
        jsonl::to_text(self)
    }

    /// The scores of each text.
    pub fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.logits.chunks(self.head.labels.len().max(1))
    }

    /// Where a row stands, in words.
    fn place(&self, row: usize) -> String {
        match &self.lines {
            Some(lines) => format!("line {}", lines[row]),
            None => format!("row {}", row + 1),
        }
    }
}

/// The form of a file, by the end of its name.
enum Form {
    Jsonl,
    Tensors,
}

impl Form {
    fn of(path: &Path) -> Result<Self> {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("safetensors") => Ok(Form::Tensors),
            Some("jsonl" | "ndjson") => Ok(Form::Jsonl),
            _ => Err(Error::model(
                path,
                "is no file of scores by its name: expected one that ends with .jsonl or \
                 .safetensors"
                    .into(),
            )),
        }
    }
}

/// The checksum that stands for a text: of its bytes as they are in the data.
pub fn text_key(text: &str) -> TextKey {
    sha256(text.as_bytes())
}

/// The checksum of a list of texts.
fn list_key(keys: &[TextKey]) -> String {
    sha256_hex(&keys.concat())
}

/// The classes of a header, if they can be told apart.
fn check_labels(labels: &[String]) -> std::result::Result<(), String> {
    let mut sorted: Vec<&String> = labels.iter().collect();
    sorted.sort();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("the label {:?} twice", pair[0])),
        None if labels.is_empty() => Err("no labels".into()),
        None => Ok(()),
    }
}

/// Whether the numbers of a file are logits or probabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Logits,
    Probabilities,
}

impl Kind {
    const NAMES: [(&'static str, Kind); 2] = [
        ("logits", Kind::Logits),
        ("probabilities", Kind::Probabilities),
    ];

    /// The logits of one row, appended to `into`; what is wrong with it otherwise.
    fn logits(
        self,
        values: impl ExactSizeIterator<Item = f64> + Clone,
        classes: usize,
        into: &mut Vec<f32>,
    ) -> std::result::Result<(), String> {
        if values.len() != classes {
            return Err(format!("{} numbers for {classes} labels", values.len()));
        }
        // What is too large for an f32 is infinite there.
        if let Some(value) = values.clone().find(|value| !(*value as f32).is_finite()) {
            return Err(format!("{value}, which is not a finite number"));
        }
        match self {
            Kind::Logits => into.extend(values.map(|value| value as f32)),
            Kind::Probabilities => {
                let sum: f64 = values.clone().sum();
                if let Some(p) = values.clone().find(|p| *p < 0.0) {
                    return Err(format!("a probability of {p}"));
                }
                if (sum - 1.0).abs() > SUM_TOLERANCE {
                    return Err(format!("probabilities that add up to {sum:.4}"));
                }
                into.extend(values.map(|p| (p / sum).max(LEAST).ln() as f32));
            }
        }
        Ok(())
    }
}

/// A line that is not what it should be.
fn line_error(path: &Path, line: usize, found: String) -> Error {
    DataError::Line {
        path: path.into(),
        line,
        expected: match line {
            1 => "the classes, such as {\"labels\": [\"one\", \"two\"]}".into(),
            _ => "a text and its scores, such as {\"text\": \"...\", \"probabilities\": [0.25, 0.75]}"
                .into(),
        },
        found,
        advice: "\"sha256\" may stand for \"text\", and \"logits\" for \"probabilities\"; there is a \
                 finite number for each label, in the order of the header"
            .into(),
    }
    .into()
}
