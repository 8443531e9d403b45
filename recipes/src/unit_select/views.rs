//! What an update reads of a sample: of a picture a square, turned and mirrored; speech as another voice
//! might have said it.

use limbeck_data::pictures::Symmetry;
use limbeck_data::rng::Rng;
use limbeck_models::{Encoded, FrameInput, PictureInput};

/// How parts of pictures are drawn. Other samples are read whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Views {
    /// Height and width of a part; 0 for all of the picture.
    pub crop: usize,
    /// Whether it is turned and mirrored.
    pub symmetries: bool,
    /// Whether the bands of speech are shifted, and some of them hidden.
    pub voices: bool,
    /// The seed of the draws.
    pub seed: u64,
}

/// A part of a picture, and how it is turned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Its first row of pixels.
    pub top: usize,
    /// Its first column.
    pub left: usize,
    /// Its height, before it is turned.
    pub height: usize,
    /// Its width, before it is turned.
    pub width: usize,
    /// What becomes of it then.
    pub symmetry: Symmetry,
}

impl Views {
    /// Everything as it is.
    pub fn whole() -> Self {
        Views {
            crop: 0,
            symmetries: false,
            voices: false,
            seed: 0,
        }
    }

    /// The part of a picture that update `step` reads; none of a sample that is no picture, or that is
    /// read as it is.
    pub fn of(&self, input: &Encoded, step: u64, sample: usize) -> Option<View> {
        let Encoded::Picture(picture) = input else {
            return None;
        };
        if self.crop == 0 && !self.symmetries {
            return None;
        }
        let mut rng = Rng::new(self.seed, "views", &[step, sample as u64]);
        let part = |size: usize| match self.crop {
            0 => size,
            crop => crop.min(size),
        };
        let (height, width) = (part(picture.height), part(picture.width));
        let square = height == width;
        let choices = match (self.symmetries, square) {
            (false, _) => vec![Symmetry::ALL[0]],
            (true, true) => Symmetry::ALL.to_vec(),
            // All parts of a batch must have one height and width.
            (true, false) => {
                let keeps = |symmetry: &Symmetry| symmetry.size(height, width) == (height, width);
                Symmetry::ALL.into_iter().filter(keeps).collect()
            }
        };
        Some(View {
            top: rng.below(picture.height - height + 1),
            left: rng.below(picture.width - width + 1),
            height,
            width,
            symmetry: choices[rng.below(choices.len())],
        })
    }
}

/// Bands that a voice is shifted by, at most.
const SHIFT: f32 = 2.0;
/// Share by which its bands lie closer together or further apart, at most.
const STRETCH: f32 = 0.1;
/// Frames that are hidden in a row, at most.
const HIDDEN_FRAMES: usize = 8;

impl Views {
    /// What update `step` hears of a clip: its bands shifted and stretched, as if the speaker's vocal
    /// tract were longer or shorter (Jaitly and Hinton 2013), and twice up to a sixth of them and once
    /// a few frames hidden (Park et al. 2019).
    pub fn heard(&self, clip: &FrameInput, step: u64, sample: usize) -> FrameInput {
        let mut clip = clip.clone();
        if !self.voices || clip.bins == 0 || clip.values.is_empty() {
            return clip;
        }
        let mut rng = Rng::new(self.seed, "voices", &[step, sample as u64]);
        let bins = clip.bins;
        let mut between = |limit: f32| limit * (2.0 * rng.unit() as f32 - 1.0);
        let (shift, stretch) = (between(SHIFT), 1.0 + between(STRETCH));
        let mut bands = vec![false; bins];
        for _ in 0..2 {
            let hidden = rng.below(bins / 6 + 1);
            let first = rng.below(bins - hidden + 1);
            bands[first..first + hidden].fill(true);
        }
        let frames = clip.values.len() / bins;
        let hidden = rng.below(HIDDEN_FRAMES.min(frames / 4) + 1);
        let first = rng.below(frames - hidden + 1);
        for (number, frame) in clip.values.chunks_exact_mut(bins).enumerate() {
            if (first..first + hidden).contains(&number) {
                frame.fill(0.0);
                continue;
            }
            let whole = frame.to_vec();
            for ((bin, level), hidden) in frame.iter_mut().enumerate().zip(&bands) {
                *level = match hidden {
                    true => 0.0,
                    false => between_bands(&whole, bin as f32 * stretch + shift),
                };
            }
        }
        clip
    }
}

/// The level at a place between two bands; beyond the ends are the bands at the ends.
fn between_bands(levels: &[f32], place: f32) -> f32 {
    let place = place.clamp(0.0, (levels.len() - 1) as f32);
    let (low, share) = (place as usize, place.fract());
    let high = (low + 1).min(levels.len() - 1);
    levels[low] + share * (levels[high] - levels[low])
}

impl View {
    /// The part of what has `columns` numbers per pixel of a picture of this width.
    pub fn rows<T: Copy>(&self, values: &[T], picture_width: usize, columns: usize) -> Vec<T> {
        let mut part = Vec::with_capacity(self.height * self.width * columns);
        for row in self.top..self.top + self.height {
            let start = (row * picture_width + self.left) * columns;
            part.extend_from_slice(&values[start..start + self.width * columns]);
        }
        self.symmetry.apply(&part, self.height, self.width, columns)
    }

    /// The part of a picture.
    pub fn picture(&self, whole: &PictureInput) -> PictureInput {
        let (height, width) = self.symmetry.size(self.height, self.width);
        PictureInput {
            height,
            width,
            channels: whole.channels,
            values: self.rows(&whole.values, whole.width, whole.channels),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip() -> FrameInput {
        FrameInput {
            bins: 12,
            values: (0..12 * 40).map(|i| 1.0 + (i % 12) as f32).collect(),
            segments: vec![25, 15],
        }
    }

    #[test]
    fn another_voice_says_the_same_in_as_many_frames() {
        let views = Views {
            voices: true,
            seed: 3,
            ..Views::whole()
        };
        let clip = clip();
        let (mut hidden_bands, mut hidden_frames) = (0, 0);
        for step in 0..40 {
            let heard = views.heard(&clip, step, 0);
            assert_eq!((heard.bins, &heard.segments), (clip.bins, &clip.segments));
            assert_eq!(heard.values.len(), clip.values.len());
            assert_eq!(heard, views.heard(&clip, step, 0));
            let frames: Vec<&[f32]> = heard.values.chunks(12).collect();
            let silent = frames
                .iter()
                .filter(|f| f.iter().all(|v| *v == 0.0))
                .count();
            assert!(silent <= HIDDEN_FRAMES);
            hidden_frames += silent;
            let spoken = frames.iter().find(|f| f.iter().any(|v| *v != 0.0));
            let spoken = spoken.expect("not everything is hidden");
            let bands = spoken.iter().filter(|v| **v == 0.0).count();
            assert!(bands <= 4, "{spoken:?}");
            hidden_bands += bands;
            // Levels rise with the bands, wherever they now lie.
            let shown: Vec<f32> = spoken.iter().copied().filter(|v| *v > 0.0).collect();
            assert!(shown.windows(2).all(|w| w[0] <= w[1]), "{shown:?}");
        }
        assert!(hidden_bands > 0 && hidden_frames > 0);
        assert_ne!(views.heard(&clip, 0, 0), views.heard(&clip, 1, 0));
        assert_eq!(Views::whole().heard(&clip, 0, 0), clip);
    }

    #[test]
    fn levels_between_bands_lie_on_a_line() {
        let levels = [1.0, 3.0, 4.0];
        let at = |place| between_bands(&levels, place);
        assert_eq!(
            [at(-1.0), at(0.0), at(0.5), at(1.5), at(9.0)],
            [1.0, 1.0, 2.0, 3.5, 4.0]
        );
    }
}
