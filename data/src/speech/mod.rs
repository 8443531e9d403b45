//! Speech: recordings, strings of them, and what a network hears of them.
//!
//! | part | what it is |
//! |---|---|
//! | [`read_wav`], [`Waveform`] | one channel of samples, at any rate |
//! | [`LogMelOptions`], [`LogMel`], [`FrameScale`] | log-mel energies, frame by frame, and their scale |
//! | [`read_recordings`], [`by_speaker`] | a table of recordings, and parts without a common speaker |
//! | [`join_strings`], [`Clip`] | strings of several recordings, with the borders between them |
//!
//! From a table to features, with the part of each frame known:
//!
//! ```
//! use limbeck_data::speech::{Clip, LogMel, LogMelOptions, RecordingColumns, join_strings};
//! use limbeck_data::speech::read_recordings;
//! # let folder = tempfile::tempdir().unwrap();
//! # let folder = folder.path();
//! # let spec = hound::WavSpec {
//! #     channels: 1,
//! #     sample_rate: 8000,
//! #     bits_per_sample: 16,
//! #     sample_format: hound::SampleFormat::Int,
//! # };
//! # for name in ["a.wav", "b.wav", "c.wav"] {
//! #     let mut file = hound::WavWriter::create(folder.join(name), spec).unwrap();
//! #     (0..1600).for_each(|n| file.write_sample((n % 50) as i16 * 100).unwrap());
//! #     file.finalize().unwrap();
//! # }
//! # std::fs::write(folder.join("train.tsv"), "1\ta.wav\tann\n2\tb.wav\tann\n3\tc.wav\tann\n").unwrap();
//! let recordings = read_recordings(folder, "train.tsv", &RecordingColumns::default())?;
//! let strings = join_strings(&recordings, 3..=6, 7)?;
//! let clip = Clip::read(&recordings, &strings[0], 8000)?;
//!
//! let mel = LogMel::new(&LogMelOptions::default())?;
//! let features = mel.features(&clip.samples);
//! assert_eq!(features.values.len(), features.frames * 40);
//! let parts = clip.frames(&mel)?;
//! assert_eq!((parts.len(), parts[2].end), (3, features.frames));
//! # Ok::<(), limbeck_data::DataError>(())
//! ```

mod clip;
mod log_mel;
mod recordings;
mod resample;
mod scale;
mod strings;
mod wav;

pub use clip::{Clip, Segment};
pub use log_mel::{LogMel, LogMelFrames, LogMelOptions};
pub use recordings::{Recording, RecordingColumns, SpeakerSplit, by_speaker, read_recordings};
pub use scale::FrameScale;
pub use strings::join_strings;
pub use wav::{Waveform, read_wav};
