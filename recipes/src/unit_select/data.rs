//! The data of a run: texts, tagged words, pictures or speech, in one form.

use limbeck_data::DataError;
use limbeck_data::pictures::PictureSet;
use limbeck_data::read::LabelledSet;
use limbeck_models::{Encoded, PictureInput};
use limbeck_training::run_folder::DataFile;

use super::samples::{UnitForm, UnitSamples};
use super::speech::{SpeechClip, SpeechData};
use super::views::Views;
use super::{pictures, speech};
use crate::config::{Format, Model, UnitSelectRun};
use crate::error::Result;
use crate::relay::{Encodings, Part, RelayData};
use crate::text::{Encoder, LabelSpace, PictureEncoder};

/// The data of a run, split as the run file says.
pub struct UnitData {
    /// What the units are.
    pub task: UnitTask,
    /// The names of their classes.
    pub classes: Vec<String>,
    /// What models learn from.
    pub train: UnitPart,
    /// What choices are made on.
    pub dev: UnitPart,
    /// What models are judged on at the end; none if it was not to be read.
    pub test: Option<UnitPart>,
    /// What was read.
    pub files: Vec<DataFile>,
    /// What a careful person should know about the data.
    pub report: String,
}

/// What the units of a run are.
#[derive(Clone, Debug, PartialEq)]
pub enum UnitTask {
    /// Texts, or their words.
    Fields(LabelSpace),
    /// Pixels.
    Pixels {
        /// The class whose F1 is reported.
        foreground: u32,
        /// The class whose connected parts are the objects of the Rand score.
        objects: Option<u32>,
    },
    /// Recordings in strings of speech.
    Speech {
        /// Whether the frames of each write its word.
        ctc: bool,
    },
}

/// Samples of one kind.
#[derive(Clone, Debug)]
pub enum UnitPart {
    /// Texts.
    Texts(Part),
    /// Pictures.
    Pictures(PictureSet),
    /// Strings of speech.
    Clips(Vec<SpeechClip>),
}

impl UnitData {
    /// Reads and splits the data, without test if it is not to be read.
    ///
    /// # Errors
    /// Whatever a file can be wrong about, with its place.
    pub fn read(run: &UnitSelectRun, with_test: bool) -> Result<Self> {
        match run.data.format {
            Format::Pictures => pictures::read(&run.data, run.seed, with_test),
            Format::Speech => {
                let data = SpeechData::read(&run.data, run.seed, with_test)?;
                Ok(data.divided())
            }
            _ => {
                let data = RelayData::read_texts(&run.data, run.seed, with_test)?;
                Ok(Self::of_texts(data))
            }
        }
    }

    fn of_texts(data: RelayData) -> Self {
        UnitData {
            classes: data.space.names.clone(),
            task: UnitTask::Fields(data.space),
            train: UnitPart::Texts(Part {
                samples: data.train,
                ..Part::default()
            }),
            dev: UnitPart::Texts(data.dev),
            test: data.test.map(UnitPart::Texts),
            files: data.files,
            report: data.report,
        }
    }

    /// What a unit is made of.
    pub fn form(&self) -> UnitForm {
        match self.task {
            UnitTask::Speech { ctc: true } => UnitForm::Segments,
            _ => UnitForm::Rows,
        }
    }

    /// The part of a sample that an update reads.
    pub fn views(&self, run: &UnitSelectRun) -> Views {
        let (pictures, speech) = (&run.data.pictures, &run.data.speech);
        Views {
            crop: pictures.as_ref().map_or(0, |pictures| pictures.crop),
            symmetries: pictures
                .as_ref()
                .is_some_and(|pictures| pictures.symmetries),
            voices: speech.as_ref().is_some_and(|speech| speech.augment),
            seed: run.seed,
        }
    }

    /// What a model reads samples with, made of these, which it learns from.
    ///
    /// # Errors
    /// If an option makes no sense for them.
    pub fn encoder(&self, model: &Model, run: &UnitSelectRun, of: &UnitPart) -> Result<Encoder> {
        Ok(match of {
            UnitPart::Texts(part) => {
                let first_token = model.reads_first_token();
                Encoder::train(model, &run.data, first_token, &part.samples.texts)?
            }
            UnitPart::Pictures(set) => {
                let channels = set.pictures.first().map_or(1, |picture| picture.channels);
                Encoder::Pictures(PictureEncoder { channels })
            }
            UnitPart::Clips(clips) => speech::encoder(&run.data, clips)?,
        })
    }

    /// Samples as a model reads them.
    pub fn encode(&self, encoder: &Encoder, part: &UnitPart) -> UnitSamples {
        match (part, &self.task) {
            (UnitPart::Texts(part), UnitTask::Fields(space)) => {
                let encodings = Encodings::new(encoder, &part.samples, space);
                UnitSamples {
                    inputs: encodings.texts,
                    labels: encodings.labels,
                }
            }
            (UnitPart::Pictures(set), _) => UnitSamples {
                inputs: set.pictures.iter().map(as_read).collect(),
                labels: set.labels.iter().map(|l| l.labels.clone()).collect(),
            },
            (UnitPart::Clips(clips), _) => speech::encode(encoder, clips),
            (UnitPart::Texts(_), _) => UnitSamples::default(),
        }
    }
}

fn as_read(picture: &limbeck_data::pictures::Picture) -> Encoded {
    Encoded::Picture(PictureInput {
        height: picture.height,
        width: picture.width,
        channels: picture.channels,
        values: picture.values.clone(),
    })
}

impl UnitPart {
    /// Number of samples.
    pub fn len(&self) -> usize {
        match self {
            UnitPart::Texts(part) => part.samples.len(),
            UnitPart::Pictures(set) => set.names.len(),
            UnitPart::Clips(clips) => clips.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The names of the samples; of texts their numbers.
    pub fn names(&self) -> Vec<String> {
        match self {
            UnitPart::Texts(part) => (0..part.samples.len()).map(|n| n.to_string()).collect(),
            UnitPart::Pictures(set) => set.names.clone(),
            UnitPart::Clips(clips) => clips.iter().map(|clip| clip.name.clone()).collect(),
        }
    }

    /// Those with these numbers, in this order.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        fn chosen<T: Clone>(all: &[T], rows: &[usize]) -> Vec<T> {
            rows.iter().map(|&row| all[row].clone()).collect()
        }
        match self {
            UnitPart::Texts(part) => UnitPart::Texts(Part {
                samples: part.samples.select(rows),
                ..Part::default()
            }),
            UnitPart::Pictures(set) => UnitPart::Pictures(PictureSet {
                names: chosen(&set.names, rows),
                pictures: chosen(&set.pictures, rows),
                labels: chosen(&set.labels, rows),
            }),
            UnitPart::Clips(clips) => UnitPart::Clips(chosen(clips, rows)),
        }
    }

    /// As splits look at them: equal texts stay together, every picture and string is one of a kind.
    pub(super) fn as_set(&self, task: &UnitTask) -> LabelledSet {
        match (self, task) {
            (UnitPart::Texts(part), UnitTask::Fields(space)) => part.samples.labelled(space),
            _ => alike(self.names()),
        }
    }
}

/// An error about an option of a reader, with the name that the option has in run files.
pub(super) fn in_section(section: &'static str) -> impl Fn(DataError) -> DataError {
    move |error| match error {
        DataError::Option {
            name,
            expected,
            found,
        } if !name.starts_with("data.") => {
            DataError::option(&format!("{section}.{name}"), expected, found)
        }
        other => other,
    }
}

/// Samples of one class, by their names.
pub(super) fn alike(names: Vec<String>) -> LabelledSet {
    LabelledSet {
        labels: vec![0; names.len()],
        texts: names,
        classes: vec!["all".into()],
    }
}
