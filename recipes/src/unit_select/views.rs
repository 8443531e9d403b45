//! The part of a sample that an update reads: of a picture a square, turned and mirrored.

use limbeck_data::pictures::Symmetry;
use limbeck_data::rng::Rng;
use limbeck_models::{Encoded, PictureInput};

/// How parts of pictures are drawn. Other samples are read whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Views {
    /// Height and width of a part; 0 for all of the picture.
    pub crop: usize,
    /// Whether it is turned and mirrored.
    pub symmetries: bool,
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
