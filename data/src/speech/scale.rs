//! Features of mean 0 and deviation 1, bin by bin.

use serde::{Deserialize, Serialize};

use super::LogMelFrames;
use crate::error::{DataError, Result};

/// A bin whose values differ by less than this is a constant: levels are logarithms, and a
/// thousandth of one is no difference that can be heard.
const SMALLEST: f64 = 1e-3;

/// Mean and standard deviation of each bin over the frames of the training clips.
///
/// ```
/// use limbeck_data::speech::{FrameScale, LogMelFrames};
/// let mut clip = LogMelFrames { frames: 2, bins: 2, values: vec![1.0, 5.0, 3.0, 5.0] };
/// let scale = FrameScale::fit(&[clip.clone()])?;
/// assert_eq!((scale.mean(), scale.deviation()), (&[2.0, 5.0][..], &[1.0, 1.0][..]));
/// scale.apply(&mut clip)?;
/// assert_eq!(clip.values, [-1.0, 0.0, 1.0, 0.0]);
/// # Ok::<(), limbeck_data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "WrittenScale")]
pub struct FrameScale {
    mean: Vec<f32>,
    deviation: Vec<f32>,
}

/// A [`FrameScale`] as it comes out of a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenScale {
    mean: Vec<f32>,
    deviation: Vec<f32>,
}

impl FrameScale {
    /// The scale of these clips: the mean over all their frames, and the square root of the mean squared
    /// difference from it. A bin that is constant has the deviation 1.
    ///
    /// # Errors
    /// No frame; clips of different numbers of bins; a value that is not finite.
    pub fn fit(clips: &[LogMelFrames]) -> Result<Self> {
        let expected = "clips of one number of bins, with a frame at least";
        let refuse = |found: String| Err(DataError::option("clips", expected, found));
        let Some(first) = clips.iter().find(|clip| clip.frames > 0 && clip.bins > 0) else {
            return refuse("none".into());
        };
        let bins = first.bins;
        if let Some(other) = clips.iter().find(|clip| clip.bins != bins) {
            return refuse(format!("{bins} bins and {}", other.bins));
        }
        let rows = || clips.iter().flat_map(|clip| clip.values.chunks_exact(bins));
        let count = rows().count() as f64;
        let mean_of = |value: &dyn Fn(usize, f64) -> f64| {
            let mut sums = vec![0.0; bins];
            for row in rows() {
                for (bin, (sum, &level)) in sums.iter_mut().zip(row).enumerate() {
                    *sum += value(bin, f64::from(level));
                }
            }
            sums.iter_mut().for_each(|sum| *sum /= count);
            sums
        };
        let mean = mean_of(&|_, level| level);
        let mut deviation = mean_of(&|bin, level| (level - mean[bin]).powi(2));
        if mean
            .iter()
            .chain(&deviation)
            .any(|value| !value.is_finite())
        {
            return refuse("a value that is not finite".into());
        }
        for value in &mut deviation {
            let root = value.sqrt();
            *value = if root < SMALLEST { 1.0 } else { root };
        }
        let narrow = |values: Vec<f64>| values.into_iter().map(|value| value as f32).collect();
        Ok(Self {
            mean: narrow(mean),
            deviation: narrow(deviation),
        })
    }

    /// The mean of each bin.
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// The standard deviation of each bin, always positive.
    pub fn deviation(&self) -> &[f32] {
        &self.deviation
    }

    /// `(value - mean) / deviation` in the place of each value.
    ///
    /// # Errors
    /// The clip has another number of bins.
    pub fn apply(&self, clip: &mut LogMelFrames) -> Result<()> {
        if clip.bins != self.mean.len() {
            let expected = format!(
                "{}, as the clips that the scale was fitted to",
                self.mean.len()
            );
            return Err(DataError::option("bins", expected, clip.bins));
        }
        // max(1): chunks of 0 are not allowed, and no bins means no values either way.
        for row in clip.values.chunks_exact_mut(clip.bins.max(1)) {
            for ((value, mean), deviation) in row.iter_mut().zip(&self.mean).zip(&self.deviation) {
                *value = (*value - mean) / deviation;
            }
        }
        Ok(())
    }
}

impl TryFrom<WrittenScale> for FrameScale {
    type Error = String;

    fn try_from(written: WrittenScale) -> std::result::Result<Self, String> {
        let WrittenScale { mean, deviation } = written;
        let finite = mean.iter().chain(&deviation).all(|value| value.is_finite());
        let positive = deviation.iter().all(|&value| value > 0.0);
        if mean.len() == deviation.len() && finite && positive {
            return Ok(Self { mean, deviation });
        }
        Err(format!(
            "a scale of frames has as many deviations, all above 0, as means; found {} means and \
             {} deviations",
            mean.len(),
            deviation.len()
        ))
    }
}
