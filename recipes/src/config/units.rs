//! Runs of [`crate::unit_select`], and their data and models that are no text.

use serde::{Deserialize, Serialize};

use super::data::{DataConfig, Format};
use super::model::{Model, ModelKind, TransformerConfig};
use super::relay::WordsConfig;
use super::stage::StageConfig;
use super::text_cnn::TextCnnConfig;
use super::values::{Extent, OffOr};
use crate::layerwise::Preset;
use crate::unit_select::UnitSelectOptions;

/// Teacher and student of [`crate::unit_select`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitSelectRun {
    /// Where unset options came from.
    pub preset: Preset,
    /// Seed of everything random but the data split.
    pub seed: u64,
    /// Texts, tagged words, pictures or speech.
    pub data: DataConfig,
    /// How words are read, by both models, where every word has a label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<WordsConfig>,
    /// The teacher.
    pub teacher: Model,
    /// The student.
    pub student: Model,
    /// The options of the method.
    pub distillation: UnitSelectOptions,
    /// How the models are trained.
    pub training: UnitSelectTraining,
}

/// How the models of [`crate::unit_select`] are trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitSelectTraining {
    /// The teacher, and those of its folds.
    pub teacher: StageConfig,
    /// The student, with every selection.
    pub student: StageConfig,
}

impl UnitSelectRun {
    /// The kinds of teacher and student that suit a format of data.
    pub fn kinds(format: Format) -> [ModelKind; 2] {
        match format {
            Format::Pictures => [ModelKind::Unet; 2],
            Format::Speech => [ModelKind::Speech; 2],
            _ => [ModelKind::Transformer, ModelKind::TextCnn],
        }
    }

    /// The defaults of a preset, for kinds of models and a format of data.
    pub fn defaults(preset: Preset, [teacher, student]: [ModelKind; 2], format: Format) -> Self {
        Self {
            preset,
            seed: 1,
            data: DataConfig::of_format(format),
            words: format.is_tagged().then(WordsConfig::default),
            teacher: Model::of_kind(teacher),
            student: match student {
                ModelKind::Unet => Model::Unet(UnetConfig::student()),
                ModelKind::Speech => Model::Speech(SpeechConfig::student()),
                ModelKind::Transformer => Model::Transformer(TransformerConfig {
                    layers: 2,
                    ..TransformerConfig::default()
                }),
                ModelKind::TextCnn => Model::TextCnn(TextCnnConfig::default()),
                kind => Model::of_kind(kind),
            },
            distillation: UnitSelectOptions::preset(preset),
            training: UnitSelectTraining {
                teacher: of_kind(teacher),
                student: of_kind(student),
            },
        }
    }
}

fn of_kind(kind: ModelKind) -> StageConfig {
    match kind {
        ModelKind::BagOfNgrams => StageConfig::bag_of_ngrams_in_batches(),
        kind => StageConfig::of_kind(kind),
    }
}

impl StageConfig {
    /// The settings of a U-Net: an epoch reads one crop of every picture.
    pub(super) fn of_pictures() -> Self {
        Self {
            length: Extent::Epochs(100),
            batch_size: 4,
            learning_rate: 2e-3,
            clip_norm: OffOr::On(1.0),
            patience: OffOr::Off,
            evaluate_every: Extent::Epochs(10),
            checkpoint_every: Extent::Epochs(10),
            ..Self::in_decay()
        }
    }

    /// The settings of a network over frames of speech.
    pub(super) fn of_speech() -> Self {
        Self {
            length: Extent::Epochs(40),
            batch_size: 16,
            learning_rate: 2e-3,
            clip_norm: OffOr::On(1.0),
            patience: OffOr::Off,
            evaluate_every: Extent::Epochs(2),
            checkpoint_every: Extent::Epochs(2),
            ..Self::in_decay()
        }
    }

    fn in_decay() -> Self {
        Self {
            weight_decay: 0.01,
            warm_up: Extent::Share(0.05),
            schedule: super::Decay::Linear,
            ..Self::of_kind(ModelKind::TextCnn)
        }
    }
}

/// Pictures whose every pixel has a label: section `[data.pictures]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PicturesConfig {
    /// Folder of the pictures, within the folder of the data.
    pub images: String,
    /// Folder of the label pictures, which have the same names.
    pub labels: String,
    /// What the values of label pictures mean, such as `"0 = membrane"`; several values may have one
    /// name. The classes are numbered in the order of their values.
    pub values: Vec<String>,
    /// Values of pixels that have no label.
    pub ignored: Vec<u16>,
    /// The class whose F1 is reported; empty: the first.
    pub foreground: String,
    /// The class whose connected parts are the objects of the Rand score; empty: none is reported.
    pub objects: String,
    /// Height and width of the part of a picture that an update reads, drawn at random; 0: all of it.
    pub crop: usize,
    /// Turn and mirror these parts at random.
    pub symmetries: bool,
}

impl Default for PicturesConfig {
    fn default() -> Self {
        Self {
            images: "image".into(),
            labels: "label".into(),
            values: Vec::new(),
            ignored: Vec::new(),
            foreground: String::new(),
            objects: String::new(),
            crop: 256,
            symmetries: true,
        }
    }
}

/// Recordings of single words, joined to strings: section `[data.speech]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpeechDataConfig {
    /// All recordings of these speakers are test, and none of the test file's; empty: the test file.
    pub test_speakers: Vec<String>,
    /// All recordings of these speakers are dev; empty: a share of train.
    pub dev_speakers: Vec<String>,
    /// Recordings in a string, at least.
    pub shortest: usize,
    /// Recordings in a string, at most.
    pub longest: usize,
    /// Samples per second; others are resampled.
    pub sample_rate: u32,
    /// Length of a frame in milliseconds.
    pub window_ms: f64,
    /// From the beginning of a frame to that of the next, in milliseconds.
    pub hop_ms: f64,
    /// Bands of a frame.
    pub bins: usize,
    /// Subtract from every band its mean over the string: recordings differ in level and microphone.
    pub centred: bool,
    /// In training, shift and stretch the bands of a string, as another voice would, and hide a few of
    /// them, and of the frames, at random (Jaitly and Hinton 2013, Park et al. 2019).
    pub augment: bool,
    /// Read each string by CTC, whose frames write its words; else answer for every recording.
    pub ctc: bool,
}

impl Default for SpeechDataConfig {
    fn default() -> Self {
        Self {
            test_speakers: Vec::new(),
            dev_speakers: Vec::new(),
            shortest: 3,
            longest: 6,
            sample_rate: 8000,
            window_ms: 25.0,
            hop_ms: 10.0,
            bins: 40,
            centred: true,
            augment: true,
            ctc: true,
        }
    }
}

/// Sizes of a U-Net (Ronneberger et al. 2015).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnetConfig {
    /// Channels of the first level; every level has twice those of the level before.
    pub width: usize,
    /// Number of times that height and width are halved.
    pub levels: usize,
    /// Groups of the normalisation; they divide `width`.
    pub groups: usize,
    /// Dropout before the classifier.
    pub dropout: f64,
}

impl Default for UnetConfig {
    fn default() -> Self {
        Self {
            width: 16,
            levels: 3,
            groups: 4,
            dropout: 0.0,
        }
    }
}

impl UnetConfig {
    /// The default sizes of a student.
    pub fn student() -> Self {
        Self {
            width: 4,
            groups: 2,
            ..Self::default()
        }
    }
}

/// Sizes of a network over frames of speech.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpeechConfig {
    /// What makes a vector of each frame.
    pub trunk: SpeechTrunk,
    /// Channels, or the width of the recurrent state.
    pub channels: usize,
    /// Kernel widths of the convolutions, in order of depth.
    pub kernel_sizes: Vec<usize>,
    /// Number of recurrent layers.
    pub layers: usize,
    /// Dropout before the classifier.
    pub dropout: f64,
}

/// What makes a vector of each frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpeechTrunk {
    /// Convolutions over neighbouring frames.
    Convolution,
    /// Gated recurrent units in both directions.
    Recurrent,
}

impl Default for SpeechConfig {
    fn default() -> Self {
        Self {
            trunk: SpeechTrunk::Convolution,
            channels: 128,
            kernel_sizes: vec![5, 5, 5, 5],
            layers: 1,
            dropout: 0.2,
        }
    }
}

impl SpeechConfig {
    /// The default sizes of a student.
    pub fn student() -> Self {
        Self {
            channels: 32,
            kernel_sizes: vec![5, 5, 5],
            dropout: 0.1,
            ..Self::default()
        }
    }
}
