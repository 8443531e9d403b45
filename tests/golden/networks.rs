//! Networks over pictures and speech: their sizes, and what they read.

use limbeck::kernels::Interpolation;
use limbeck::models::{
    Encoded, FrameInput, PictureInput, SpeechNetConfig, SpeechOutput, SpeechTrunk, UNetConfig,
};
use serde::Deserialize;

/// A picture, line by line.
#[derive(Deserialize)]
pub(crate) struct Picture {
    height: usize,
    width: usize,
    channels: usize,
    values: Vec<f32>,
}

/// A clip of speech, frame by frame.
#[derive(Deserialize)]
pub(crate) struct Clip {
    bins: usize,
    values: Vec<f32>,
    segments: Vec<u32>,
}

pub(crate) fn picture(picture: &Picture) -> Encoded {
    Encoded::Picture(PictureInput {
        height: picture.height,
        width: picture.width,
        channels: picture.channels,
        values: picture.values.clone(),
    })
}

pub(crate) fn clip(clip: &Clip) -> Encoded {
    Encoded::Frames(FrameInput {
        bins: clip.bins,
        values: clip.values.clone(),
        segments: clip.segments.clone(),
    })
}

/// A U-Net.
#[derive(Deserialize)]
pub(crate) struct UNetSizes {
    channels: usize,
    classes: usize,
    width: usize,
    levels: usize,
    groups: usize,
    bilinear: bool,
}

impl UNetSizes {
    pub(crate) fn config(&self) -> UNetConfig {
        UNetConfig {
            channels: self.channels,
            classes: self.classes,
            width: self.width,
            levels: self.levels,
            groups: self.groups,
            interpolation: match self.bilinear {
                true => Interpolation::Bilinear,
                false => Interpolation::Nearest,
            },
            dropout: 0.0,
        }
    }
}

/// A network over speech.
#[derive(Deserialize)]
pub(crate) struct SpeechSizes {
    bins: usize,
    classes: usize,
    output: Output,
    trunk: Trunk,
}

/// What gets scores.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Output {
    Frames,
    Segments,
}

/// What makes the vectors of frames.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Trunk {
    Convolution {
        channels: usize,
        kernel_sizes: Vec<usize>,
    },
    Recurrent {
        hidden_size: usize,
        layers: usize,
        bidirectional: bool,
    },
}

impl SpeechSizes {
    pub(crate) fn config(&self) -> SpeechNetConfig {
        SpeechNetConfig {
            bins: self.bins,
            classes: self.classes,
            trunk: self.trunk.config(),
            output: match self.output {
                Output::Frames => SpeechOutput::Frames,
                Output::Segments => SpeechOutput::Segments,
            },
            dropout: 0.0,
        }
    }
}

impl Trunk {
    fn config(&self) -> SpeechTrunk {
        match self {
            Trunk::Convolution {
                channels,
                kernel_sizes,
            } => SpeechTrunk::Convolution {
                channels: *channels,
                kernel_sizes: kernel_sizes.clone(),
            },
            Trunk::Recurrent {
                hidden_size,
                layers,
                bidirectional,
            } => SpeechTrunk::Recurrent {
                hidden_size: *hidden_size,
                layers: *layers,
                bidirectional: *bidirectional,
            },
        }
    }
}
