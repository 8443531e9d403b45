//! Pictures as a model reads them, and batches of them.

use limbeck_engine::{Device, Error, Packed, Result, Tensor};
use limbeck_kernels::Pictures;

use crate::batch::Encoded;

/// A picture: a row per pixel, line by line from the top, with the channels of the pixel.
#[derive(Clone, Debug, PartialEq)]
pub struct PictureInput {
    /// Pixels from top to bottom.
    pub height: usize,
    /// Pixels from left to right.
    pub width: usize,
    /// Numbers of a pixel.
    pub channels: usize,
    /// `height * width * channels` numbers: channel c of the pixel in line y and column x stands at
    /// `(y * width + x) * channels + c`.
    pub values: Vec<f32>,
}

impl PictureInput {
    fn size(&self) -> (usize, usize) {
        (self.height, self.width)
    }

    /// Refuses what is not a picture of this many channels.
    fn expect(&self, channels: usize) -> Result<()> {
        let (height, width) = self.size();
        let refuse = |message| Err(Error::Mismatch(message));
        if height == 0 || width == 0 {
            return refuse(format!(
                "a picture has {height} x {width} pixels (height x width): expected at least one \
                 in each direction"
            ));
        }
        if self.channels != channels {
            return refuse(format!(
                "the model reads pictures of {channels} channels, but one has {}",
                self.channels
            ));
        }
        let numbers = height.saturating_mul(width).saturating_mul(channels);
        if self.values.len() != numbers {
            return refuse(format!(
                "a picture of {height} x {width} pixels and {channels} channels needs {numbers} \
                 numbers, found {}",
                self.values.len()
            ));
        }
        Ok(())
    }
}

/// Pictures of one size, padded so that they can be halved as often as the model does.
#[derive(Clone, Debug)]
pub struct PictureBatch {
    /// The padded pictures, `[padded.rows(), channels]`.
    pub x: Tensor,
    /// The pictures as they were given. The scores have a row for each of their pixels.
    pub pictures: Pictures,
    /// The padded pictures: the rows of `x`.
    pub padded: Pictures,
    /// The rows of `x` that are no padding, in order; none where nothing was padded.
    pub inside: Option<Vec<u32>>,
    /// Where the scores of each picture lie.
    pub packed: Packed,
}

impl PictureBatch {
    /// Pads pictures to multiples of `multiple` pixels by repeating their edges: half of what is
    /// missing is added above and to the left, the rest (one line or column more, where it is odd) below
    /// and to the right.
    pub(super) fn new(
        device: &Device,
        texts: &[&Encoded],
        (channels, multiple): (usize, usize),
        first_sample: u32,
    ) -> Result<Self> {
        let inputs = of_one_size(texts, channels)?;
        let (height, width) = inputs[0].size();
        let pictures = Pictures {
            count: inputs.len(),
            height,
            width,
        };
        let padded = Pictures {
            count: inputs.len(),
            height: height.next_multiple_of(multiple),
            width: width.next_multiple_of(multiple),
        };
        if u32::try_from(padded.rows()).is_err() {
            return Err(Error::Mismatch(format!(
                "{} pixels with padding do not fit a 32-bit number: use smaller batches",
                padded.rows()
            )));
        }
        let mut values = Vec::with_capacity(padded.rows() * channels);
        for input in inputs {
            pad(input, padded, &mut values);
        }
        Ok(PictureBatch {
            x: device.real(&values, [padded.rows(), channels])?,
            pictures,
            padded,
            inside: (padded != pictures).then(|| inside(pictures, padded)),
            packed: Packed::new(
                device,
                &vec![pictures.pixels(); pictures.count],
                first_sample,
            )?,
        })
    }
}

/// The pictures, all as high and wide as the first.
fn of_one_size<'t>(texts: &[&'t Encoded], channels: usize) -> Result<Vec<&'t PictureInput>> {
    let mut inputs: Vec<&PictureInput> = Vec::with_capacity(texts.len());
    for text in texts {
        let Encoded::Picture(picture) = text else {
            return Err(text.unlike("pictures"));
        };
        picture.expect(channels)?;
        if let Some(first) = inputs.first()
            && first.size() != picture.size()
        {
            return Err(Error::Mismatch(format!(
                "a batch holds pictures of {} x {} and of {} x {} pixels (height x width): put \
                 pictures of one size into a batch",
                first.height, first.width, picture.height, picture.width
            )));
        }
        inputs.push(picture);
    }
    match inputs.is_empty() {
        true => Err(Error::Mismatch(
            "a batch holds no picture: expected at least one".into(),
        )),
        false => Ok(inputs),
    }
}

/// Lines above and columns to the left of a padded picture.
fn margins(pictures: Pictures, padded: Pictures) -> (usize, usize) {
    let missing = (
        padded.height - pictures.height,
        padded.width - pictures.width,
    );
    (missing.0 / 2, missing.1 / 2)
}

/// Appends a picture with its edges repeated.
fn pad(input: &PictureInput, padded: Pictures, into: &mut Vec<f32>) {
    let own = Pictures {
        count: 1,
        height: input.height,
        width: input.width,
    };
    let (top, left) = margins(own, padded);
    let right = padded.width - left - input.width;
    for y in 0..padded.height {
        let y = y.saturating_sub(top).min(input.height - 1);
        let line =
            &input.values[y * input.width * input.channels..][..input.width * input.channels];
        (0..left).for_each(|_| into.extend_from_slice(&line[..input.channels]));
        into.extend_from_slice(line);
        let last = &line[line.len() - input.channels..];
        (0..right).for_each(|_| into.extend_from_slice(last));
    }
}

/// The rows of padded pictures that are no padding.
fn inside(pictures: Pictures, padded: Pictures) -> Vec<u32> {
    let (top, left) = margins(pictures, padded);
    let mut rows = Vec::with_capacity(pictures.rows());
    for picture in 0..pictures.count {
        for y in 0..pictures.height {
            let first = (picture * padded.height + top + y) * padded.width + left;
            rows.extend(first as u32..(first + pictures.width) as u32);
        }
    }
    rows
}
