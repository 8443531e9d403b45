//! The comparison masks as pictures: where the teacher was closer to the truth, and where the student.
//!
//! A mask of a picture is a picture of its size. Of texts and speech an epoch has one picture with a
//! row per sample and a column per unit, and a line of JSON per unit.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use limbeck_data::pictures::{GreyPicture, write_grey};
use limbeck_models::Encoded;
use limbeck_training::files::write_atomic;
use limbeck_training::run_folder::RunPaths;
use serde::{Deserialize, Serialize};

use super::compare::{Choice, Comparison, compare, share};
use super::objective::Lesson;
use super::options::{MaskOptions, UnitSelectOptions};
use super::side_by_side::side_by_side;
use crate::error::{Error, Result};
use crate::text::TextClassifier;

/// Where a student's masks are written, and the names of its samples.
#[derive(Clone)]
pub struct Artefacts<'a> {
    folder: PathBuf,
    names: &'a [String],
}

/// A line of `index.jsonl`: a mask of a picture, or the strip of an epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MaskLine {
    /// The file, seen from the folder of the index.
    pub file: String,
    /// The name of the sample; of a strip the numbers of its rows.
    pub sample: String,
    /// The epoch after which it was made; none for the finished student.
    pub epoch: Option<u64>,
    /// Share of the units with truth where the teacher was closer.
    pub share: f64,
}

/// A line about a unit of a text or of speech.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitLine {
    /// The name of the sample.
    pub sample: String,
    /// The number of the unit in it, from 0.
    pub unit: usize,
    /// How far the teacher is from the truth.
    pub d_teacher: f32,
    /// How far the student is.
    pub d_student: f32,
    /// 1 where the teacher is closer, 0 where the student is, none without truth.
    pub m: Option<u8>,
}

impl<'a> Artefacts<'a> {
    /// In the folder of a run; none for a run in memory.
    pub fn of_run(paths: Option<&RunPaths>, student: &str, names: &'a [String]) -> Option<Self> {
        Some(Artefacts {
            folder: paths?.root().join("units").join(student),
            names,
        })
    }

    /// Writes the masks of the first samples, if it is time after this epoch.
    ///
    /// # Errors
    /// If the disk refuses, or the device failed.
    pub fn after_epoch(
        &self,
        epoch: u64,
        student: &TextClassifier,
        lesson: &Lesson<'_>,
        options: &UnitSelectOptions,
    ) -> Result<()> {
        let masks = &options.masks;
        if masks.every == 0 || !epoch.is_multiple_of(masks.every) {
            return Ok(());
        }
        let samples = masks.samples.min(lesson.samples.len());
        self.write(Some(epoch), samples, student, lesson, options)
    }

    /// Writes the masks of all samples, by the finished student.
    ///
    /// # Errors
    /// If the disk refuses, or the device failed.
    pub fn finished(
        &self,
        student: &TextClassifier,
        lesson: &Lesson<'_>,
        options: &UnitSelectOptions,
    ) -> Result<()> {
        self.write(None, lesson.samples.len(), student, lesson, options)
    }

    fn write(
        &self,
        epoch: Option<u64>,
        samples: usize,
        student: &TextClassifier,
        lesson: &Lesson<'_>,
        options: &UnitSelectOptions,
    ) -> Result<()> {
        if samples == 0 {
            return Ok(());
        }
        let part = match epoch {
            Some(epoch) => format!("epoch-{epoch:04}"),
            None => "final".into(),
        };
        let first = lesson.samples.select(&(0..samples).collect::<Vec<_>>());
        let said: Vec<&[f32]> = lesson.teacher[..samples]
            .iter()
            .map(Vec::as_slice)
            .collect();
        let compared = compare(student.model(), &first, &said, lesson.form, options)?;
        create(&self.folder)?;
        if !matches!(first.inputs[0], Encoded::Picture(_)) {
            return self.strips((&part, epoch), &compared, &options.masks);
        }
        create(&self.folder.join(&part))?;
        let mut lines = Vec::with_capacity(samples);
        for (row, comparison) in compared.iter().enumerate() {
            let Encoded::Picture(picture) = &first.inputs[row] else {
                continue;
            };
            let file = format!("{part}/{}.png", self.names[row]);
            let mask = mask_picture(&comparison.mask, &options.masks);
            write_grey(
                &self.folder.join(&file),
                picture.height,
                picture.width,
                &mask,
            )?;
            lines.push(MaskLine {
                file,
                sample: self.names[row].clone(),
                epoch,
                share: comparison.share(),
            });
        }
        self.index(lines)?;
        // The first ones beside what they are about, so that a reader sees why.
        for row in 0..samples.min(options.masks.samples) {
            let Encoded::Picture(picture) = &first.inputs[row] else {
                continue;
            };
            let scores = student.model().predict(&[&first.inputs[row]])?;
            let answers = [said[row], &scores[0]];
            let mask = mask_picture(&compared[row].mask, &options.masks);
            let file = format!("{part}-compared/{}.png", self.names[row]);
            create(&self.folder.join(format!("{part}-compared")))?;
            let classes = student.labels().len();
            let panels = (&first.labels[row][..], answers, &mask[..]);
            side_by_side(&self.folder.join(file), picture, panels, classes)?;
        }
        Ok(())
    }

    /// A picture with a row per sample, and a line per unit.
    fn strips(
        &self,
        (part, epoch): (&str, Option<u64>),
        compared: &[Comparison],
        values: &MaskOptions,
    ) -> Result<()> {
        let width = compared.iter().map(|c| c.mask.len()).max().unwrap_or(0);
        let mut picture = vec![values.ignored; compared.len() * width];
        let mut lines = String::new();
        for (row, (comparison, name)) in compared.iter().zip(self.names).enumerate() {
            let mask = mask_picture(&comparison.mask, values);
            picture[row * width..row * width + mask.len()].copy_from_slice(&mask);
            for (unit, choice) in comparison.mask.iter().enumerate() {
                let line = UnitLine {
                    sample: name.clone(),
                    unit,
                    d_teacher: comparison.teacher[unit],
                    d_student: comparison.student[unit],
                    m: match choice {
                        Choice::Teacher => Some(1),
                        Choice::Student => Some(0),
                        Choice::Unknown => None,
                    },
                };
                lines += &json(&line);
            }
        }
        let place = |ending: &str| self.folder.join(format!("{part}.{ending}"));
        write_grey(&place("png"), compared.len(), width, &picture)?;
        write_atomic(&place("jsonl"), lines.as_bytes())?;
        self.index(vec![MaskLine {
            file: format!("{part}.png"),
            sample: format!("0 to {}", compared.len().saturating_sub(1)),
            epoch,
            share: share(compared.iter().flat_map(|c| &c.mask)),
        }])
    }

    /// Adds lines to the index, in the place of those about the same files: a resumed run makes some
    /// pictures a second time.
    fn index(&self, new: Vec<MaskLine>) -> Result<()> {
        let path = self.folder.join("index.jsonl");
        let mut lines = read_index(&path)?;
        let made: HashSet<&String> = new.iter().map(|line| &line.file).collect();
        lines.retain(|known| !made.contains(&known.file));
        let text: String = lines.iter().chain(&new).map(json).collect();
        Ok(write_atomic(&path, text.as_bytes())?)
    }
}

/// The lines of an index; none if there is no such file.
///
/// # Errors
/// If it cannot be read, or is not what was written.
pub fn read_index(path: &Path) -> Result<Vec<MaskLine>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("read", path, error)),
    };
    let line = |line: &str| {
        serde_json::from_str(line).map_err(|error| Error::model(path, error.to_string()))
    };
    text.lines().map(line).collect()
}

fn json(line: &impl Serialize) -> String {
    let line = serde_json::to_string(line).expect("a line holds names and numbers");
    line + "\n"
}

fn create(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|cause| Error::io("create", folder, cause))
}

/// The values of a mask's picture.
pub fn mask_picture(mask: &[Choice], values: &MaskOptions) -> Vec<u8> {
    let value = |choice: &Choice| match choice {
        Choice::Teacher => values.teacher,
        Choice::Student => values.student,
        Choice::Unknown => values.ignored,
    };
    mask.iter().map(value).collect()
}

/// The mask that a picture shows.
///
/// # Errors
/// If it has another value than the three.
pub fn mask_of_picture(
    path: &Path,
    picture: &GreyPicture,
    values: &MaskOptions,
) -> Result<Vec<Choice>> {
    let choice = |value: &u8| match *value {
        value if value == values.teacher => Ok(Choice::Teacher),
        value if value == values.student => Ok(Choice::Student),
        value if value == values.ignored => Ok(Choice::Unknown),
        value => Err(Error::model(
            path,
            format!(
                "is no mask: expected the values {}, {} and {}, found {value}",
                values.teacher, values.student, values.ignored
            ),
        )),
    };
    picture.values.iter().map(choice).collect()
}
