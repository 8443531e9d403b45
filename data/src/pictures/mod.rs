//! Pictures: what PNG files hold, what their pixels show, and folders of both.
//!
//! | part | what it is |
//! |---|---|
//! | [`Picture`], [`read_picture`] | rows of pixels, values from 0 to 1 |
//! | [`LabelMap`], [`LabelPicture`], [`read_labels`] | a class for each pixel, or [`IGNORED`] |
//! | [`PictureFolderOptions`], [`read_picture_folder`] | train, dev and test from one folder, chosen by name |
//! | [`Symmetry`] | the eight ways to turn and mirror a square |
//! | [`write_grey`], [`write_rgb`], [`read_grey`] | masks and pictures to look at |
//!
//! A pixel is a row and its channels are columns, as in the operators on pictures: row
//! `y * width + x` is the pixel in line `y` and column `x`, from the top left.
//!
//! ```
//! use limbeck_data::pictures::{LabelMap, Symmetry, read_labels, read_picture, write_grey};
//! # let folder = tempfile::tempdir().unwrap();
//! # let (picture, truth) = (folder.path().join("a.png"), folder.path().join("b.png"));
//! write_grey(&picture, 1, 3, &[0, 51, 255])?;
//! write_grey(&truth, 1, 3, &[0, 255, 255])?;
//! let picture = read_picture(&picture)?;
//! assert_eq!((picture.height, picture.width, picture.channels), (1, 3, 1));
//! assert_eq!(picture.values, [0.0, 0.2, 1.0]);
//!
//! let map = LabelMap::new([(0, "membrane"), (255, "cell")], [])?;
//! let truth = read_labels(&truth, &map)?;
//! assert_eq!(truth.labels, [0, 1, 1]);
//!
//! let turned = truth.turned(Symmetry::Turn270);
//! assert_eq!((turned.height, turned.width, turned.labels), (3, 1, vec![1, 1, 0]));
//! # Ok::<(), limbeck_data::DataError>(())
//! ```

mod file;
mod folder;
mod labels;
mod selection;
mod symmetry;

pub use file::{GreyPicture, read_grey, read_picture, write_grey, write_rgb};
pub use folder::{PictureFolder, PictureFolderOptions, PictureSet, read_picture_folder};
pub use labels::{IGNORED, LabelMap, LabelPicture, read_labels};
pub use symmetry::Symmetry;

use crate::error::{DataError, Result};

/// A picture in memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Picture {
    /// Lines of pixels.
    pub height: usize,
    /// Pixels of a line.
    pub width: usize,
    /// Values of a pixel: 1 for grey, 3 for red, green and blue.
    pub channels: usize,
    /// `[height * width, channels]`, row-major; from 0 (black) to 1.
    pub values: Vec<f32>,
}

impl Picture {
    /// The part of `height` lines and `width` columns whose first pixel is in line `top` and column
    /// `left`, both from 0.
    ///
    /// # Errors
    /// The part is not inside the picture, or has no pixel.
    pub fn crop(&self, top: usize, left: usize, height: usize, width: usize) -> Result<Self> {
        let wanted = Part {
            top,
            left,
            height,
            width,
        };
        let size = (self.height, self.width);
        Ok(Self {
            height,
            width,
            channels: self.channels,
            values: wanted.of(&self.values, size, self.channels)?,
        })
    }

    /// The picture after a symmetry.
    pub fn turned(&self, symmetry: Symmetry) -> Self {
        let (height, width) = symmetry.size(self.height, self.width);
        Self {
            height,
            width,
            channels: self.channels,
            values: symmetry.apply(&self.values, self.height, self.width, self.channels),
        }
    }
}

/// A rectangle of a picture.
#[derive(Clone, Copy)]
struct Part {
    top: usize,
    left: usize,
    height: usize,
    width: usize,
}

impl Part {
    /// The rows of this part, of a picture of (height, width) pixels with `columns` values each.
    fn of<T: Copy>(self, rows: &[T], size: (usize, usize), columns: usize) -> Result<Vec<T>> {
        let inside = |first: usize, length: usize, all: usize| {
            length > 0 && first.checked_add(length).is_some_and(|end| end <= all)
        };
        if !inside(self.top, self.height, size.0) || !inside(self.left, self.width, size.1) {
            let expected = format!("a part of a picture of {} x {} pixels", size.0, size.1);
            let found = format!(
                "{} x {} pixels from line {}, column {}",
                self.height, self.width, self.top, self.left
            );
            return Err(DataError::option("crop", expected, found));
        }
        let lines = (self.top..self.top + self.height).map(|line| line * size.1 + self.left);
        let lines = lines.map(|first| &rows[first * columns..(first + self.width) * columns]);
        Ok(lines.flatten().copied().collect())
    }
}
