//! `predictions/dev.jsonl` and `predictions/test.jsonl`: a line that says what they are of, then a line
//! per sample.

use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Answer, AnswerKind, Predictions, Sample};
use crate::error::{Result, TrainingError};
use crate::files::write_atomic_with;
use crate::run_folder::{Named, RunPaths};

const FORMAT: &str = "limbeck-predictions";
const FORMAT_VERSION: u32 = 1;

/// The first line.
#[derive(Serialize, Deserialize)]
struct Head {
    format: String,
    format_version: u32,
    split: String,
    kind: AnswerKind,
    labels: Vec<String>,
    checksum: String,
    samples: usize,
    models: Vec<String>,
}

/// Any other line.
#[derive(Serialize, Deserialize)]
struct Line {
    sample: usize,
    #[serde(flatten)]
    about: Sample,
    models: Named<Answer>,
}

impl Predictions {
    /// Reads what a run folder keeps of a split; none if it keeps nothing.
    ///
    /// # Errors
    /// If the file cannot be read, or is not what was written, with the line.
    pub fn read(paths: &RunPaths, split: &str) -> Result<Option<Self>> {
        let path = paths.predictions(split);
        match path.exists() {
            true => read(&path).map(Some),
            false => Ok(None),
        }
    }

    /// Writes the answers of the models, at once.
    ///
    /// # Errors
    /// If the file cannot be written, or a model has not answered every sample.
    pub fn write(&self, paths: &RunPaths) -> Result<()> {
        for (name, answers) in self.models.iter() {
            if answers.len() != self.samples.len() {
                return Err(TrainingError::Data(format!(
                    "{name} answered {} of the {} samples of {}: it must answer all",
                    answers.len(),
                    self.samples.len(),
                    self.split
                )));
            }
        }
        let path = paths.predictions(&self.split);
        let folder = path.parent().unwrap_or(paths.root());
        std::fs::create_dir_all(folder).map_err(TrainingError::io("create", folder))?;
        write_atomic_with(&path, |writer| {
            serde_json::to_writer(&mut *writer, &self.head())?;
            for (sample, about) in self.samples.iter().enumerate() {
                let of = |(name, answers): (&str, &Vec<Answer>)| {
                    (name.to_owned(), answers[sample].clone())
                };
                writer.write_all(b"\n")?;
                let line = Line {
                    sample,
                    about: about.clone(),
                    models: self.models.iter().map(of).collect(),
                };
                serde_json::to_writer(&mut *writer, &line)?;
            }
            writer.write_all(b"\n")
        })
    }

    fn head(&self) -> Head {
        Head {
            format: FORMAT.into(),
            format_version: FORMAT_VERSION,
            split: self.split.clone(),
            kind: self.kind,
            labels: self.labels.clone(),
            checksum: self.checksum.clone(),
            samples: self.samples.len(),
            models: self.models.iter().map(|(name, _)| name.into()).collect(),
        }
    }
}

fn read(path: &Path) -> Result<Predictions> {
    let file = std::fs::File::open(path).map_err(TrainingError::io("read", path))?;
    let mut lines = BufReader::new(file).lines().zip(1..);
    let mut next = || -> Result<Option<(String, usize)>> {
        let Some((line, number)) = lines.next() else {
            return Ok(None);
        };
        Ok(Some((
            line.map_err(TrainingError::io("read", path))?,
            number,
        )))
    };
    let damaged = |line: usize, message: String| {
        TrainingError::damaged(path, format!("line {line}: {message}"))
    };
    let (first, _) = next()?.ok_or_else(|| damaged(1, "the file is empty".into()))?;
    let head: Head = serde_json::from_str(&first).map_err(|error| damaged(1, error.to_string()))?;
    if (head.format.as_str(), head.format_version) != (FORMAT, FORMAT_VERSION) {
        let found = format!("{} {}", head.format, head.format_version);
        let message = format!("expected {FORMAT} {FORMAT_VERSION}, found {found}");
        return Err(damaged(1, message));
    }
    let mut samples = Vec::new();
    let mut answers: Vec<Vec<Answer>> = vec![Vec::new(); head.models.len()];
    while let Some((text, number)) = next()? {
        let line: Line =
            serde_json::from_str(&text).map_err(|error| damaged(number, error.to_string()))?;
        fits(&head, &line, samples.len()).map_err(|message| damaged(number, message))?;
        for ((_, answer), all) in line.models.iter().zip(&mut answers) {
            all.push(answer.clone());
        }
        samples.push(line.about);
    }
    if samples.len() != head.samples {
        let message = format!("{} samples, expected {}", samples.len(), head.samples);
        return Err(TrainingError::damaged(path, message));
    }
    Ok(Predictions {
        split: head.split,
        kind: head.kind,
        labels: head.labels,
        checksum: head.checksum,
        samples,
        models: head.models.into_iter().zip(answers).collect(),
    })
}

/// Whether a line is the next one, and its classes are known.
fn fits(head: &Head, line: &Line, place: usize) -> std::result::Result<(), String> {
    if line.sample != place {
        return Err(format!("sample {}, expected {place}", line.sample));
    }
    if !line
        .models
        .iter()
        .map(|(name, _)| name)
        .eq(head.models.iter())
    {
        return Err(format!("expected answers of {}", head.models.join(", ")));
    }
    let classes = head.labels.len();
    let decided = line.models.iter().map(|(_, answer)| answer.decided);
    for class in decided.chain([line.about.truth]) {
        match (head.kind, class) {
            (AnswerKind::Classes, None) => return Err("a class is missing".into()),
            (_, Some(class)) if class as usize >= classes => {
                return Err(format!("class {class} is outside the {classes} known ones"));
            }
            _ => {}
        }
    }
    Ok(())
}
