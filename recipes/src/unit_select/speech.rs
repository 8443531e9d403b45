//! Recordings of single words, joined to strings, so that the place and truth of every word is known.

use std::collections::HashSet;

use limbeck_data::DataError;
use limbeck_data::read::LabelledSet;
use limbeck_data::speech::{
    Clip, LogMel, LogMelFrames, LogMelOptions, Recording, RecordingColumns, by_speaker,
    join_strings, read_recordings,
};
use limbeck_data::split::{dev_split, labelled_split};
use limbeck_models::Encoded;
use limbeck_training::run_folder::DataFile;
use rayon::prelude::*;

use super::data::{UnitData, UnitPart, UnitTask, in_section};
use super::samples::UnitSamples;
use crate::config::{DataConfig, SpeechDataConfig};
use crate::error::Result;
use crate::text::{Encoder, SpeechEncoder};

/// A string of recordings of one speaker.
#[derive(Clone, Debug, PartialEq)]
pub struct SpeechClip {
    /// The names of the recordings, joined.
    pub name: String,
    /// Log-mel energies, as they are.
    pub features: LogMelFrames,
    /// Number of frames of each recording.
    pub segments: Vec<u32>,
    /// The class of each.
    pub labels: Vec<u32>,
}

/// The recordings of a run.
pub struct SpeechData {
    config: SpeechDataConfig,
    classes: Vec<String>,
    train: Vec<SpeechClip>,
    dev: Vec<SpeechClip>,
    test: Option<Vec<SpeechClip>>,
    files: Vec<DataFile>,
    report: String,
}

/// Recordings in three parts.
struct Parts {
    train: Vec<Recording>,
    dev: Vec<Recording>,
    test: Option<Vec<Recording>>,
}

impl SpeechData {
    /// Reads, splits and joins the recordings.
    ///
    /// # Errors
    /// Whatever a table or a WAV file can be wrong about; a word of dev or test that train does not
    /// have.
    pub fn read(config: &DataConfig, seed: u64, with_test: bool) -> Result<Self> {
        let speech = config.speech.clone().unwrap_or_default();
        let table = |name: &str| read_recordings(&config.dir, name, &RecordingColumns::default());
        let mut files = Vec::new();
        let mut known = |role: &str, name: &str| -> Result<Vec<Recording>> {
            files.push(DataFile::measure(role, &config.dir.join(name))?);
            Ok(table(name)?)
        };
        let mut train = known("train", &config.train)?;
        let by_speakers = !speech.test_speakers.is_empty();
        let test = match (by_speakers, with_test) {
            // Whoever is test is so in both tables.
            (true, _) => {
                train.extend(known("test", &config.test)?);
                None
            }
            (false, true) => Some(known("test", &config.test)?),
            (false, false) => None,
        };
        let dev = config
            .dev_file()
            .map(|name| known("dev", name))
            .transpose()?;
        let split = by_speaker(&train, &speech.test_speakers, &speech.dev_speakers);
        let mut split = split.map_err(in_section("data.speech"))?;
        let is_test = |recording: &Recording| speech.test_speakers.contains(&recording.speaker);
        let dev = dev.unwrap_or_default().into_iter();
        split
            .dev
            .extend(dev.filter(|recording| !is_test(recording)));
        let test = match by_speakers {
            true => with_test.then_some(split.test),
            false => test,
        };
        let mut parts = Parts {
            train: split.train,
            dev: split.dev,
            test,
        };
        let mut classes: Vec<String> = parts.train.iter().map(|r| r.label.clone()).collect();
        classes.sort();
        classes.dedup();
        parts.are_apart()?;
        parts.draw(config, seed, &classes)?;
        parts.joined(config, speech, classes, files, seed)
    }

    /// The same in the form of all data.
    pub(super) fn divided(self) -> UnitData {
        let ctc = self.config.ctc;
        // The blank of CTC is class 0.
        let blank = ctc.then(|| "(blank)".to_string());
        UnitData {
            task: UnitTask::Speech { ctc },
            classes: blank.into_iter().chain(self.classes).collect(),
            train: UnitPart::Clips(self.train),
            dev: UnitPart::Clips(self.dev),
            test: self.test.map(UnitPart::Clips),
            files: self.files,
            report: self.report,
        }
    }
}

impl Parts {
    /// Refuses a recording that is in two of them: it would give the answer away.
    fn are_apart(&self) -> Result<()> {
        let mut seen = HashSet::new();
        let all = self.train.iter().chain(&self.dev);
        match all
            .chain(self.test.iter().flatten())
            .find(|r| !seen.insert(&r.path))
        {
            None => Ok(()),
            Some(twice) => {
                let wanted = "recordings that are in one of train, dev and test";
                Err(DataError::option("data", wanted, twice.path.display()).into())
            }
        }
    }

    /// Takes dev from train where nothing else is dev, and draws the labelled share.
    fn draw(&mut self, config: &DataConfig, seed: u64, classes: &[String]) -> Result<()> {
        let number = |r: &Recording| classes.iter().position(|c| *c == r.label).unwrap_or(0);
        let set = LabelledSet {
            texts: self
                .train
                .iter()
                .map(|r| r.path.display().to_string())
                .collect(),
            labels: self.train.iter().map(|r| number(r) as u32).collect(),
            classes: classes.to_vec(),
        };
        let chosen = |all: &[Recording], rows: &[usize]| -> Vec<Recording> {
            rows.iter().map(|&row| all[row].clone()).collect()
        };
        let rest = match self.dev.is_empty() {
            false => (0..self.train.len()).collect(),
            true => {
                let split = dev_split(&set, config.dev_fraction, config.split_seed)?;
                self.dev = chosen(&self.train, &split.taken);
                split.rest
            }
        };
        let kept = labelled_split(&set, &rest, config.labelled_fraction, seed)?;
        self.train = chosen(&self.train, &kept.taken);
        Ok(())
    }

    /// Joins the recordings of each part to strings. Those of dev and test are the same in every run.
    fn joined(
        self,
        config: &DataConfig,
        speech: SpeechDataConfig,
        classes: Vec<String>,
        files: Vec<DataFile>,
        seed: u64,
    ) -> Result<SpeechData> {
        let mel = LogMel::new(&options(&speech)).map_err(in_section("data.speech"))?;
        // Of CTC, class 0 is the blank.
        let first = u32::from(speech.ctc);
        let clips = |recordings: &[Recording], seed: u64| -> Result<Vec<SpeechClip>> {
            let strings = join_strings(recordings, speech.shortest..=speech.longest, seed)?;
            let clip = |string: &Vec<usize>| {
                let clip = Clip::read(recordings, string, speech.sample_rate)?;
                SpeechClip::new(&clip, &mel, &classes, first)
            };
            // In order, so that of several errors the first is told.
            let clips: Vec<Result<SpeechClip>> = strings.par_iter().map(clip).collect();
            clips.into_iter().collect()
        };
        let train = clips(&self.train, seed)?;
        let dev = clips(&self.dev, config.split_seed)?;
        let test = self
            .test
            .as_deref()
            .map(|test| clips(test, config.split_seed));
        let test = test.transpose()?;
        let count = |recordings: &[Recording], strings: &[SpeechClip]| {
            format!(
                "{} recordings in {} strings",
                recordings.len(),
                strings.len()
            )
        };
        let mut report = format!(
            "speech: train {}, dev {}\n",
            count(&self.train, &train),
            count(&self.dev, &dev)
        );
        if let (Some(recordings), Some(strings)) = (&self.test, &test) {
            report += &format!("speech: test {}\n", count(recordings, strings));
        }
        Ok(SpeechData {
            config: speech,
            classes,
            train,
            dev,
            test,
            files,
            report,
        })
    }
}

impl SpeechClip {
    fn new(clip: &Clip, mel: &LogMel, classes: &[String], first: u32) -> Result<Self> {
        let ranges = clip.frames(mel)?;
        let mut each = ranges.iter().zip(&clip.segments);
        if let Some((_, segment)) = each.find(|(range, _)| first > 0 && range.len() < 2) {
            let wanted = "recordings of two frames at least with `data.speech.ctc`: one is blank";
            let found = format!("one frame of {}", segment.path.display());
            return Err(DataError::option("data", wanted, found).into());
        }
        let label = |segment: &limbeck_data::speech::Segment| {
            let place = classes.iter().position(|class| *class == segment.label);
            place.map(|place| place as u32 + first).ok_or_else(|| {
                let wanted = format!("words of the training recordings, {}", classes.join(", "));
                let found = format!("\"{}\" ({})", segment.label, segment.path.display());
                DataError::option("data", wanted, found)
            })
        };
        Ok(SpeechClip {
            name: clip.name.clone(),
            features: mel.features(&clip.samples),
            segments: ranges.iter().map(|range| range.len() as u32).collect(),
            labels: clip
                .segments
                .iter()
                .map(label)
                .collect::<std::result::Result<_, _>>()?,
        })
    }
}

/// How features are calculated.
fn options(speech: &SpeechDataConfig) -> LogMelOptions {
    LogMelOptions {
        sample_rate: speech.sample_rate,
        window_ms: speech.window_ms,
        hop_ms: speech.hop_ms,
        bins: speech.bins,
        ..LogMelOptions::default()
    }
}

/// What a model reads strings with: the features, brought to the scale of these clips.
pub(super) fn encoder(config: &DataConfig, clips: &[SpeechClip]) -> Result<Encoder> {
    let speech = config.speech.clone().unwrap_or_default();
    let features: Vec<LogMelFrames> = clips.iter().map(|clip| clip.features.clone()).collect();
    let encoder = SpeechEncoder::fit(options(&speech), (speech.ctc, speech.centred), &features)?;
    Ok(Encoder::Speech(Box::new(encoder)))
}

/// Strings as a model reads them.
pub(super) fn encode(encoder: &Encoder, clips: &[SpeechClip]) -> UnitSamples {
    let read = |clip: &SpeechClip| -> Encoded {
        match encoder {
            Encoder::Speech(encoder) => encoder.encode(&clip.features, &clip.segments),
            // The model will say what it wanted instead.
            other => other.encode(""),
        }
    };
    UnitSamples {
        inputs: clips.par_iter().map(read).collect(),
        labels: clips.iter().map(|clip| clip.labels.clone()).collect(),
    }
}
