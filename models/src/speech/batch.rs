//! Clips of speech as a model reads them, and batches of them.

use limbeck_engine::{Device, Error, Packed, Result, Tensor};

use crate::batch::Encoded;

/// A clip of speech: frames of log-mel energies, and how they divide into segments (notes, words).
#[derive(Clone, Debug, PartialEq)]
pub struct FrameInput {
    /// Numbers of a frame.
    pub bins: usize,
    /// The frames one after the other, `bins` numbers each.
    pub values: Vec<f32>,
    /// Number of frames of each segment, in order: at least one each, and the clip's in all. One
    /// segment where the clip is not divided.
    pub segments: Vec<u32>,
}

impl FrameInput {
    /// Number of frames.
    pub fn frames(&self) -> usize {
        self.values.len().checked_div(self.bins).unwrap_or(0)
    }

    /// Refuses what is not a clip of this many bins, divided into segments.
    fn expect(&self, bins: usize) -> Result<()> {
        let refuse = |message| Err(Error::Mismatch(message));
        if self.bins != bins {
            return refuse(format!(
                "the model reads frames of {bins} bins, but a clip has {}",
                self.bins
            ));
        }
        let (frames, numbers) = (self.frames(), self.values.len());
        if frames == 0 || frames * bins != numbers {
            return refuse(format!(
                "a clip has {numbers} numbers: expected a multiple of its {bins} bins, at least \
                 one frame"
            ));
        }
        if let Some(empty) = self.segments.iter().position(|&length| length == 0) {
            return refuse(format!(
                "segment {empty} of a clip has no frame: expected at least one"
            ));
        }
        let divided: u64 = self.segments.iter().map(|&length| u64::from(length)).sum();
        if divided != frames as u64 {
            return refuse(format!(
                "the {} segments of a clip have {divided} frames in all, but the clip has {frames}",
                self.segments.len()
            ));
        }
        Ok(())
    }
}

/// Packed clips.
#[derive(Clone, Debug)]
pub struct FrameBatch {
    /// The frames, `[packed.rows(), bins]`.
    pub x: Tensor,
    /// Where each clip lies.
    pub packed: Packed,
    /// Where each segment lies, in the same rows. Its sequences are the segments of all clips, numbered
    /// through.
    pub segments: Packed,
    /// (sample of the clip, number in it) of each segment, `[segments, 2]`: the counter of the random
    /// numbers of pooled rows.
    pub segment_coordinates: Tensor,
}

impl FrameBatch {
    pub(super) fn new(
        device: &Device,
        texts: &[&Encoded],
        bins: usize,
        first_sample: u32,
    ) -> Result<Self> {
        let (mut values, mut lengths) = (Vec::new(), Vec::with_capacity(texts.len()));
        let (mut segments, mut coordinates) = (Vec::new(), Vec::new());
        for (sample, text) in (first_sample..).zip(texts) {
            let Encoded::Frames(clip) = text else {
                return Err(text.unlike("frames of speech"));
            };
            clip.expect(bins)?;
            values.extend_from_slice(&clip.values);
            lengths.push(clip.frames());
            for (number, &length) in (0..).zip(&clip.segments) {
                segments.push(length as usize);
                coordinates.extend([sample, number]);
            }
        }
        let packed = Packed::new(device, &lengths, first_sample)?;
        Ok(FrameBatch {
            x: device.real(&values, packed.shape(bins))?,
            packed,
            segment_coordinates: device.ids(&coordinates, [segments.len(), 2])?,
            segments: Packed::new(device, &segments, 0)?,
        })
    }
}
