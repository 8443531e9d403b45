//! Small networks over speech, and clips for them.

use limbeck_engine::{Device, Result, Stream};
use limbeck_models::{Encoded, FrameInput, SpeechNet, SpeechNetConfig, SpeechOutput, SpeechTrunk};

use crate::common::shake;

pub(crate) const BINS: usize = 3;
pub(crate) const CLASSES: usize = 4;

/// Which network.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// As many channels as bins: every convolution has a residual.
    Narrow,
    /// The first convolution has none.
    Wide,
    Forwards,
    BothWays,
}

pub(crate) const KINDS: [Kind; 4] = [Kind::Narrow, Kind::Wide, Kind::Forwards, Kind::BothWays];
pub(crate) const OUTPUTS: [SpeechOutput; 2] = [SpeechOutput::Frames, SpeechOutput::Segments];

impl Kind {
    pub(crate) fn trunk(self) -> SpeechTrunk {
        let convolution = |channels| SpeechTrunk::Convolution {
            channels,
            kernel_sizes: vec![2, 3],
        };
        let recurrent = |bidirectional| SpeechTrunk::Recurrent {
            hidden_size: 3,
            layers: 2,
            bidirectional,
        };
        match self {
            Kind::Narrow => convolution(BINS),
            Kind::Wide => convolution(5),
            Kind::Forwards => recurrent(false),
            Kind::BothWays => recurrent(true),
        }
    }

    /// Dropout is on.
    pub(crate) fn config(self, output: SpeechOutput) -> SpeechNetConfig {
        SpeechNetConfig {
            bins: BINS,
            classes: CLASSES,
            trunk: self.trunk(),
            output,
            dropout: 0.3,
        }
    }

    pub(crate) fn build(self, output: SpeechOutput, device: &Device) -> Result<SpeechNet> {
        let mut model = SpeechNet::new(self.config(output), 3, device)?;
        shake(&mut model)?;
        Ok(model)
    }
}

/// A clip of random numbers, divided so.
pub(crate) fn clip(segments: &[u32], number: u32) -> FrameInput {
    let random = Stream::new(4, "clip", 0);
    let frames: u32 = segments.iter().sum();
    let values = (0..frames * BINS as u32).map(|i| random.normal(i, number) as f32);
    FrameInput {
        bins: BINS,
        values: values.collect(),
        segments: segments.to_vec(),
    }
}

/// How four clips are divided; the second is the longest, the last a single frame.
pub(crate) const DIVISIONS: [&[u32]; 4] = [&[2, 3], &[1, 4, 2], &[4], &[1]];

pub(crate) fn clips() -> Vec<Encoded> {
    let encoded = |(number, division): (u32, &&[u32])| Encoded::Frames(clip(division, number));
    (0..).zip(&DIVISIONS).map(encoded).collect()
}

/// Rows of scores that each clip has.
pub(crate) fn rows(output: SpeechOutput) -> [usize; 4] {
    DIVISIONS.map(|division| match output {
        SpeechOutput::Frames => division.iter().sum::<u32>() as usize,
        SpeechOutput::Segments => division.len(),
    })
}
