//! What networks over pictures and speech read with, and these networks from their configuration.

use std::path::Path;

use limbeck_data::saved::Kind;
use limbeck_data::speech::{FrameScale, LogMelFrames, LogMelOptions};
use limbeck_engine::{Device, Error, Fingerprint, Result, TokenIds};
use limbeck_kernels::Interpolation;
use limbeck_models::{
    self as models, Classifier, Encoded, FrameInput, SpeechNet, SpeechNetConfig, SpeechOutput,
    UNet, UNetConfig,
};
use serde::{Deserialize, Serialize};

use super::Encoder;
use crate::config::{Model, SpeechConfig, SpeechTrunk, UnetConfig};

/// Pictures are read as they are, with as many channels as those of the training data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PictureEncoder {
    /// Numbers of a pixel.
    pub channels: usize,
}

/// Log-mel energies on the scale of the training data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpeechEncoder {
    features: LogMelOptions,
    ctc: bool,
    centred: bool,
    scale: FrameScale,
}

impl PictureEncoder {
    const KIND: Kind = Kind {
        format: "picture encoder",
        version: 1,
    };

    /// Writes it as JSON.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, path: &Path) -> limbeck_data::Result<()> {
        Self::KIND.save(path, self)
    }

    /// Reads what [`PictureEncoder::save`] wrote.
    ///
    /// # Errors
    /// No such file, or not what was written.
    pub fn load(path: &Path) -> limbeck_data::Result<Self> {
        Self::KIND.load(path)
    }

    /// What it is, as a vocabulary is known.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(u64::from_be_bytes(*b"pictures") ^ self.channels as u64)
    }
}

impl SpeechEncoder {
    const KIND: Kind = Kind {
        format: "speech encoder",
        version: 1,
    };

    /// Learns the scale of training clips; `ctc` says that models answer for every frame, `centred` that
    /// bands are brought to a mean of 0 in every clip.
    ///
    /// # Errors
    /// If there is no frame.
    pub fn fit(
        features: LogMelOptions,
        (ctc, centred): (bool, bool),
        clips: &[LogMelFrames],
    ) -> limbeck_data::Result<Self> {
        Ok(SpeechEncoder {
            features,
            ctc,
            centred,
            scale: FrameScale::fit(clips)?,
        })
    }

    /// How features are calculated.
    pub fn features(&self) -> &LogMelOptions {
        &self.features
    }

    /// Whether models answer for every frame, by CTC, and not for every segment.
    pub fn reads_frames(&self) -> bool {
        self.ctc
    }

    /// A clip as the model reads it; `segments` are the numbers of frames of its parts.
    pub fn encode(&self, features: &LogMelFrames, segments: &[u32]) -> Encoded {
        let mut scaled = features.clone();
        if self.scale.apply(&mut scaled).is_err() {
            // Features of other bins: the model says what it wanted.
            scaled = features.clone();
        }
        if self.centred {
            centre(&mut scaled);
        }
        Encoded::Frames(FrameInput {
            bins: scaled.bins,
            values: scaled.values,
            segments: segments.to_vec(),
        })
    }

    /// Writes it as JSON.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, path: &Path) -> limbeck_data::Result<()> {
        Self::KIND.save(path, self)
    }

    /// Reads what [`SpeechEncoder::save`] wrote.
    ///
    /// # Errors
    /// No such file, or not what was written.
    pub fn load(path: &Path) -> limbeck_data::Result<Self> {
        Self::KIND.load(path)
    }

    /// What it is, as a vocabulary is known.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(u64::from_be_bytes(*b"log-mels") ^ self.features.bins as u64)
    }
}

/// Subtracts from every band its mean over the clip.
fn centre(clip: &mut LogMelFrames) {
    let bins = clip.bins.max(1);
    let mut means = vec![0.0; bins];
    for frame in clip.values.chunks_exact(bins) {
        for (mean, &level) in means.iter_mut().zip(frame) {
            *mean += f64::from(level) / clip.frames as f64;
        }
    }
    for frame in clip.values.chunks_exact_mut(bins) {
        for (level, mean) in frame.iter_mut().zip(&means) {
            *level -= *mean as f32;
        }
    }
}

/// What stands for a text where a model reads no texts: nothing, of no vocabulary. The model refuses it.
pub(super) fn no_text() -> Encoded {
    Encoded::Tokens(TokenIds::new(Vec::new(), Fingerprint(0)))
}

/// The network that a configuration describes, with random weights.
pub(super) fn network_over(
    config: &Model,
    encoder: &Encoder,
    classes: usize,
    seed: u64,
    device: &Device,
) -> Result<Box<dyn Classifier>> {
    match (config, encoder) {
        (Model::Unet(config), Encoder::Pictures(pictures)) => {
            let config = unet(config, pictures.channels, classes);
            Ok(Box::new(UNet::new(config, seed, device)?))
        }
        (Model::Speech(config), Encoder::Speech(speech)) => {
            let config = speech_net(config, speech, classes);
            Ok(Box::new(SpeechNet::new(config, seed, device)?))
        }
        (Model::File(_), _) => Err(Error::Mismatch(
            "a file of scores is no model that reads texts".into(),
        )),
        _ => Err(Error::Mismatch(
            "a network over pictures or speech needs the encoder of these".into(),
        )),
    }
}

fn unet(config: &UnetConfig, channels: usize, classes: usize) -> UNetConfig {
    UNetConfig {
        channels,
        classes,
        width: config.width,
        levels: config.levels,
        groups: config.groups,
        interpolation: Interpolation::Bilinear,
        dropout: config.dropout,
    }
}

fn speech_net(config: &SpeechConfig, encoder: &SpeechEncoder, classes: usize) -> SpeechNetConfig {
    SpeechNetConfig {
        bins: encoder.features.bins,
        classes,
        trunk: match config.trunk {
            SpeechTrunk::Convolution => models::SpeechTrunk::Convolution {
                channels: config.channels,
                kernel_sizes: config.kernel_sizes.clone(),
            },
            SpeechTrunk::Recurrent => models::SpeechTrunk::Recurrent {
                hidden_size: config.channels,
                layers: config.layers,
                bidirectional: true,
            },
        },
        output: match encoder.ctc {
            true => SpeechOutput::Frames,
            false => SpeechOutput::Segments,
        },
        dropout: config.dropout,
    }
}
