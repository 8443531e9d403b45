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
const SHIFT: usize = 2;

impl Views {
    /// A clip with its bands shifted, and up to a quarter of them hidden: what update `step` hears.
    pub fn heard(&self, clip: &FrameInput, step: u64, sample: usize) -> FrameInput {
        let mut clip = clip.clone();
        if !self.voices || clip.bins == 0 {
            return clip;
        }
        let mut rng = Rng::new(self.seed, "voices", &[step, sample as u64]);
        let (bins, shift) = (clip.bins, rng.below(2 * SHIFT + 1));
        let hidden = rng.below(bins / 4 + 1);
        let first = rng.below(bins - hidden + 1);
        for frame in clip.values.chunks_exact_mut(bins) {
            let whole = frame.to_vec();
            for (bin, level) in frame.iter_mut().enumerate() {
                // Beyond the ends are the bands at the ends.
                let from = (bin + shift).saturating_sub(SHIFT).min(bins - 1);
                let hide = (first..first + hidden).contains(&bin);
                *level = if hide { 0.0 } else { whole[from] };
            }
        }
        clip
    }
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
