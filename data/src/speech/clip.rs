//! One clip out of several recordings, and which frames belong to which of them.

use std::ops::Range;
use std::path::PathBuf;

use super::{LogMel, Recording, read_wav};
use crate::error::{DataError, Result};

/// A recording inside a clip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its first sample.
    pub start: usize,
    /// The sample behind its last.
    pub end: usize,
    /// What is said.
    pub label: String,
    /// The WAV file that it was read from.
    pub path: PathBuf,
}

/// Recordings of one speaker, one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Clip {
    /// All samples, at one rate.
    pub samples: Vec<f32>,
    /// The recordings, in order: each begins where the one before it ends, and all samples are in one.
    pub segments: Vec<Segment>,
    /// Who speaks.
    pub speaker: String,
    /// The names of the files without their ending, joined by `+`.
    pub name: String,
}

impl Clip {
    /// Reads the recordings with these numbers (a string of [`super::join_strings`]), each at
    /// `sample_rate`, and lays them end to end.
    ///
    /// # Errors
    /// No number, one without a recording, or recordings of several speakers; whatever [`read_wav`] or
    /// [`super::Waveform::resampled`] refuse.
    pub fn read(recordings: &[Recording], string: &[usize], sample_rate: u32) -> Result<Self> {
        let chosen = |&number: &usize| {
            recordings.get(number).ok_or_else(|| {
                let expected = format!("numbers below {}, the recordings", recordings.len());
                DataError::option("string", expected, number)
            })
        };
        let chosen = string.iter().map(chosen).collect::<Result<Vec<_>>>()?;
        let Some(first) = chosen.first() else {
            return Err(DataError::option(
                "string",
                "one recording at least",
                "none",
            ));
        };
        if let Some(other) = chosen.iter().find(|other| other.speaker != first.speaker) {
            let found = format!("{:?} and {:?}", first.speaker, other.speaker);
            return Err(DataError::option(
                "string",
                "recordings of one speaker",
                found,
            ));
        }
        let mut clip = Self {
            samples: Vec::new(),
            segments: Vec::new(),
            speaker: first.speaker.clone(),
            name: String::new(),
        };
        for recording in chosen {
            clip.push(recording, sample_rate)?;
        }
        Ok(clip)
    }

    fn push(&mut self, recording: &Recording, sample_rate: u32) -> Result<()> {
        let sound = read_wav(&recording.path)?;
        let sound = sound.resampled(sample_rate).map_err(|_| {
            let expected = format!("a sample rate that can be changed to {sample_rate}");
            let advice = "Rates may differ by a factor of 64: check the file and `sample_rate`";
            DataError::content(&recording.path, expected, sound.sample_rate, advice)
        })?;
        let start = self.samples.len();
        self.samples.extend(sound.samples);
        self.segments.push(Segment {
            start,
            end: self.samples.len(),
            label: recording.label.clone(),
            path: recording.path.clone(),
        });
        if !self.name.is_empty() {
            self.name.push('+');
        }
        let stem = recording.path.file_stem().unwrap_or_default();
        self.name.push_str(&stem.to_string_lossy());
        Ok(())
    }

    /// The frames of each segment. A frame belongs to the segment that holds the sample in its middle
    /// ([`LogMel::centre`]), and to the last one if that lies behind the end. Every frame of the clip's
    /// features is in one range, and each range begins where the one before it ends.
    ///
    /// # Errors
    /// A segment so short that no frame has its middle in it.
    pub fn frames(&self, mel: &LogMel) -> Result<Vec<Range<usize>>> {
        let all = mel.frames(self.samples.len());
        let mut start = 0;
        let mut ranges = Vec::with_capacity(self.segments.len());
        for (number, segment) in self.segments.iter().enumerate() {
            let end = if number + 1 == self.segments.len() {
                all
            } else {
                let inside = (start..all).take_while(|&frame| mel.centre(frame) < segment.end);
                start + inside.count()
            };
            if end == start {
                return Err(DataError::content(
                    &segment.path,
                    "a recording that is longer than a frame",
                    format!(
                        "{} samples, without the middle of a frame in the clip {}",
                        segment.end - segment.start,
                        self.name
                    ),
                    "Take it off the list, or use a shorter hop and window",
                ));
            }
            ranges.push(start..end);
            start = end;
        }
        Ok(ranges)
    }
}
