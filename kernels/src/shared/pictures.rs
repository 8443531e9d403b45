//! Pictures as the operators on them see them: the rows of a matrix are pixels, its columns channels.

use std::ops::Range;

use limbeck_engine::{Error, Meta, Result};

use crate::check;

/// No window is larger, nor further from the next: so their places are far from overflowing.
const LARGEST: usize = 1 << 16;

/// A batch of pictures of one height and width, laid out as a matrix `[count * height * width,
/// channels]`: row `(picture * height + y) * width + x` has the channels of a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pictures {
    /// Number of pictures.
    pub count: usize,
    /// Pixels from top to bottom.
    pub height: usize,
    /// Pixels from left to right.
    pub width: usize,
}

impl Pictures {
    /// Pixels of all pictures together: the rows of the matrix.
    #[must_use]
    pub fn rows(self) -> usize {
        self.count.saturating_mul(self.pixels())
    }

    /// Pixels of one picture.
    #[must_use]
    pub fn pixels(self) -> usize {
        self.height.saturating_mul(self.width)
    }

    /// Picture, y and x of a row.
    pub(crate) fn place(self, row: usize) -> [usize; 3] {
        let line = row / self.width;
        [line / self.height, line % self.height, row % self.width]
    }

    /// The number of channels of a matrix that holds these pictures.
    pub(crate) fn channels(self, operator: &'static str, what: &str, meta: Meta) -> Result<usize> {
        let refuse = |message| Err(Error::Shape { operator, message });
        if self.pixels() == 0 {
            return refuse(format!(
                "pictures must have at least one pixel, found {} x {} (height x width)",
                self.height, self.width
            ));
        }
        let (rows, channels) = check::nonempty_rows(operator, what, meta)?;
        if rows != self.rows() {
            return refuse(format!(
                "{what} {} has {rows} rows, but {} pictures of {} x {} pixels have {}",
                meta.shape,
                self.count,
                self.height,
                self.width,
                self.rows()
            ));
        }
        Ok(channels)
    }
}

/// What a result of a convolution or of pooling sees, and how far it is to the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Height and width in pixels.
    pub size: [usize; 2],
    /// Pixels from a window to the next one, down and to the right.
    pub stride: [usize; 2],
    /// Places beyond the edges that windows reach: top, left, bottom, right. Each is less than the
    /// window's size in its direction, so that every window sees a pixel.
    pub padding: [usize; 4],
}

impl Window {
    /// As high as wide, at every pixel, inside the edges.
    #[must_use]
    pub fn square(size: usize) -> Self {
        Window {
            size: [size; 2],
            stride: [1; 2],
            padding: [0; 4],
        }
    }

    /// With this stride in both directions.
    #[must_use]
    pub fn stride(self, stride: usize) -> Self {
        Window {
            stride: [stride; 2],
            ..self
        }
    }

    /// With this padding on all sides.
    #[must_use]
    pub fn padding(self, padding: usize) -> Self {
        Window {
            padding: [padding; 4],
            ..self
        }
    }

    /// The pictures that the results make: `⌊(height + top + bottom - size) / stride⌋ + 1` high,
    /// and wide by the same formula. What is left of a picture beyond the last window is not seen.
    ///
    /// ```
    /// use limbeck_kernels::{Pictures, Window};
    /// let pictures = Pictures { count: 2, height: 5, width: 4 };
    /// let halved = Window::square(2).stride(2).results(pictures)?;
    /// assert_eq!(halved, Pictures { count: 2, height: 2, width: 2 });
    /// assert_eq!(Window::square(3).padding(1).results(pictures)?, pictures);
    /// # Ok::<(), limbeck_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a size or stride is 0 or above 65,536, a padding is not less than the size, or a window is larger than
    /// the picture with its padding.
    pub fn results(&self, pictures: Pictures) -> Result<Pictures> {
        self.results_of("window", pictures)
    }

    /// [`Window::results`] with errors that name the operator.
    pub(crate) fn results_of(
        &self,
        operator: &'static str,
        pictures: Pictures,
    ) -> Result<Pictures> {
        let refuse = |message| Err(Error::Shape { operator, message });
        let mut results = [0; 2];
        for (axis, extent) in [pictures.height, pictures.width].into_iter().enumerate() {
            let what = ["height", "width"][axis];
            let (size, stride) = (self.size[axis], self.stride[axis]);
            let (before, after) = (self.padding[axis], self.padding[axis + 2]);
            let possible = 1..=LARGEST;
            if !possible.contains(&size) || !possible.contains(&stride) {
                return refuse(format!(
                    "the window's {what} and its stride must be from 1 to {LARGEST}, found {size} \
                     and {stride}"
                ));
            }
            if before >= size || after >= size {
                return refuse(format!(
                    "padding must be less than the window's {what} {size}, found {before} and {after}"
                ));
            }
            let padded = extent.saturating_add(before).saturating_add(after);
            if padded < size {
                return refuse(format!(
                    "a window of {what} {size} does not fit pictures of {what} {extent} with \
                     padding {before} and {after}: use a smaller window or more padding"
                ));
            }
            results[axis] = (padded - size) / stride + 1;
        }
        Ok(Pictures {
            count: pictures.count,
            height: results[0],
            width: results[1],
        })
    }

    /// Places in a window.
    #[must_use]
    pub fn taps(&self) -> usize {
        self.size[0].saturating_mul(self.size[1])
    }

    /// Of window `at` along an axis (0: down, 1: to the right) the places that lie in a picture of
    /// this extent, and the pixel of the first of them.
    pub(crate) fn inside(&self, axis: usize, at: usize, extent: usize) -> (Range<usize>, usize) {
        let (start, before) = (at * self.stride[axis], self.padding[axis]);
        let first = before.saturating_sub(start);
        let end = self.size[axis].min(extent + before - start);
        (first..end, start + first - before)
    }

    /// The windows that see a pixel along an axis, of as many as there are.
    pub(crate) fn over(&self, axis: usize, pixel: usize, windows: usize) -> Range<usize> {
        let place = pixel + self.padding[axis];
        let first = (place + 1).saturating_sub(self.size[axis]);
        let first = first.div_ceil(self.stride[axis]);
        first..(place / self.stride[axis] + 1).min(windows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_and_pixels_know_each_other() {
        for (size, stride, before, after, extent) in [
            (1, 1, 0, 0, 1),
            (3, 2, 1, 1, 6),
            (2, 3, 0, 1, 7),
            (5, 1, 4, 3, 2),
        ] {
            let window = Window {
                size: [size, 1],
                stride: [stride, 1],
                padding: [before, 0, after, 0],
            };
            let pictures = Pictures {
                count: 1,
                height: extent,
                width: 1,
            };
            let results = window.results(pictures).expect("fits").height;
            for at in 0..results {
                let (taps, first) = window.inside(0, at, extent);
                assert!(!taps.is_empty(), "{window:?}: {at} sees nothing");
                let seen = first..first + taps.len();
                for pixel in 0..extent {
                    let sees = window.over(0, pixel, results).contains(&at);
                    assert_eq!(seen.contains(&pixel), sees, "{window:?}: {at} and {pixel}");
                }
            }
        }
    }

    #[test]
    fn windows_that_do_not_fit_are_refused() {
        let pictures = Pictures {
            count: 1,
            height: 4,
            width: 2,
        };
        let message = |window: Window| {
            let refused = window.results(pictures);
            refused.expect_err("must be refused").to_string()
        };
        assert!(message(Window::square(3)).contains("width 3 does not fit pictures of width 2"));
        assert!(message(Window::square(2).padding(2)).contains("less than the window's height 2"));
        assert!(message(Window::square(0)).contains("from 1 to 65536, found 0 and 1"));
        assert!(message(Window::square(2).stride(0)).contains("from 1 to 65536, found 2 and 0"));
        let endless = Window::square(usize::MAX).padding(usize::MAX - 1);
        assert!(message(endless).contains("from 1 to 65536, found"));
    }
}
