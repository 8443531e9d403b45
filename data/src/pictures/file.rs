//! PNG files, read and written.

use std::io::Cursor;
use std::path::Path;

use png::{BitDepth, ColorType};

use super::Picture;
use crate::error::{DataError, Result};
use crate::read::unreadable;
use crate::saved::write_whole;

/// Pixels of a picture. A header may claim 2^62 of them in a few bytes, and is refused before any
/// memory is asked for.
const MOST_PIXELS: u64 = 1 << 28;

/// A grey picture of 8 bits, such as a mask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GreyPicture {
    /// Lines of pixels.
    pub height: usize,
    /// Pixels of a line.
    pub width: usize,
    /// `[height * width]`, row-major; from 0 (black) to 255 (white).
    pub values: Vec<u8>,
}

/// Reads a PNG of 1, 2, 4, 8 or 16 bits: grey (1 channel), red-green-blue or palette (3 channels). The
/// largest number of the bit depth is 1. Transparency, as a channel or of single colours, is dropped:
/// what remains is the colour that the file has below it. Of an animation the first picture is read.
///
/// # Errors
/// The file is missing, no PNG, broken, or has more than 2^28 pixels.
pub fn read_picture(path: &Path) -> Result<Picture> {
    let decoded = Decoded::read(path)?;
    let channels = match decoded.colour {
        ColorType::Grayscale | ColorType::GrayscaleAlpha => 1,
        ColorType::Rgb | ColorType::Rgba | ColorType::Indexed => 3,
    };
    let mut values = Vec::with_capacity(decoded.height * decoded.width * channels);
    let largest = f32::from(decoded.largest());
    for sample in decoded.pixels() {
        match decoded.colour {
            ColorType::Indexed => {
                let colour = decoded.palette_colour(path, sample[0])?;
                values.extend(colour.iter().map(|&value| f32::from(value) / 255.0));
            }
            _ => values.extend(
                sample[..channels]
                    .iter()
                    .map(|&value| f32::from(value) / largest),
            ),
        }
    }
    Ok(Picture {
        height: decoded.height,
        width: decoded.width,
        channels,
        values,
    })
}

/// Reads back what [`write_grey`] wrote.
///
/// # Errors
/// As [`read_picture`], and for a picture that is not grey with 8 bits.
pub fn read_grey(path: &Path) -> Result<GreyPicture> {
    let decoded = Decoded::read(path)?;
    if (decoded.colour, decoded.depth) != (ColorType::Grayscale, 8) {
        return Err(DataError::content(
            path,
            "a grey picture of 8 bits",
            decoded.kind(),
            "Convert it, or name another file",
        ));
    }
    Ok(GreyPicture {
        height: decoded.height,
        width: decoded.width,
        values: decoded.bytes,
    })
}

/// Writes a grey PNG of 8 bits, whole or not at all: a reader never sees half of it.
///
/// # Errors
/// There is no pixel or not one value for each; the file cannot be written.
pub fn write_grey(path: &Path, height: usize, width: usize, values: &[u8]) -> Result<()> {
    write(path, (height, width), values, ColorType::Grayscale)
}

/// Writes a PNG of 8 bits in red, green and blue, three values a pixel, as [`write_grey`] does.
///
/// # Errors
/// There is no pixel or not three values for each; the file cannot be written.
pub fn write_rgb(path: &Path, height: usize, width: usize, values: &[u8]) -> Result<()> {
    write(path, (height, width), values, ColorType::Rgb)
}

fn write(path: &Path, size: (usize, usize), values: &[u8], colour: ColorType) -> Result<()> {
    let (height, width) = size;
    let wanted = height.checked_mul(width);
    let wanted = wanted.and_then(|pixels| pixels.checked_mul(colour.samples()));
    let sides = u32::try_from(height).ok().zip(u32::try_from(width).ok());
    let (Some((lines, columns)), true) =
        (sides, wanted == Some(values.len()) && height * width > 0)
    else {
        return Err(DataError::content(
            path,
            format!("{height} x {width} pixels of {} values", colour.samples()),
            format!("{} values", values.len()),
            "Write one set of values for each pixel, and one pixel at least",
        ));
    };
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, columns, lines);
    encoder.set_color(colour);
    encoder.set_depth(BitDepth::Eight);
    let written = encoder.write_header().and_then(|mut writer| {
        writer.write_image_data(values)?;
        writer.finish()
    });
    written.map_err(|error| DataError::io(path, error.into()))?;
    write_whole(path, &bytes)
}

/// A picture as its file has it, decompressed.
pub(super) struct Decoded {
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) colour: ColorType,
    /// Bits of a sample.
    pub(super) depth: usize,
    /// Lines, each beginning with a new byte; samples with the highest bits first.
    bytes: Vec<u8>,
    /// Red, green and blue of the palette's colours.
    palette: Vec<u8>,
}

impl Decoded {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|source| unreadable(path, source))?;
        let broken = |found: String| {
            let advice = "Save the picture as PNG again, or name another file";
            DataError::content(path, "a PNG picture", found, advice)
        };
        let refused =
            |error: png::DecodingError| broken(format!("one that cannot be read: {error}"));
        if !bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            return Err(broken("a file that begins with other bytes".into()));
        }
        let mut decoder = png::Decoder::new(Cursor::new(&bytes));
        // Neither is looked at; each may be long and broken.
        decoder.set_ignore_text_chunk(true);
        decoder.set_ignore_iccp_chunk(true);
        let (width, height) = decoder.read_header_info().map_err(refused)?.size();
        if u64::from(width) * u64::from(height) > MOST_PIXELS {
            let found = format!("one of {height} x {width} pixels, more than 2^28");
            return Err(broken(found));
        }
        let mut reader = decoder.read_info().map_err(refused)?;
        // Never absent: it fits a u64 by far after the check above, and 2^28 pixels fit 32 bits.
        let size = reader.output_buffer_size().unwrap_or_default();
        let mut bytes = vec![0; size];
        let frame = reader.next_frame(&mut bytes).map_err(refused)?;
        if (frame.width, frame.height) != (width, height) {
            let found = format!(
                "a first picture of {} x {} pixels in a file of {height} x {width}",
                frame.height, frame.width
            );
            return Err(broken(found));
        }
        let palette = reader.info().palette.as_deref().unwrap_or_default();
        Ok(Self {
            height: height as usize,
            width: width as usize,
            colour: frame.color_type,
            depth: frame.bit_depth as usize,
            palette: palette.to_vec(),
            bytes,
        })
    }

    /// The largest number that a sample can be.
    fn largest(&self) -> u16 {
        u16::MAX >> (16 - self.depth)
    }

    /// In words, for messages.
    pub(super) fn kind(&self) -> String {
        let colour = match self.colour {
            ColorType::Grayscale => "a grey picture",
            ColorType::GrayscaleAlpha => "a grey picture with transparency",
            ColorType::Indexed => "a picture with a palette",
            ColorType::Rgb => "a colour picture (red, green, blue)",
            ColorType::Rgba => "a colour picture (red, green, blue) with transparency",
        };
        format!("{colour} of {} bits", self.depth)
    }

    /// The samples of each pixel, as numbers of the file; the first `colour.samples()` of four are used.
    pub(super) fn pixels(&self) -> impl Iterator<Item = [u16; 4]> + '_ {
        let samples = self.colour.samples();
        let line_bytes = (self.width * samples * self.depth).div_ceil(8);
        let lines = self.bytes.chunks_exact(line_bytes.max(1));
        lines.take(self.height).flat_map(move |line| {
            (0..self.width).map(move |x| {
                let mut pixel = [0; 4];
                for (number, value) in pixel[..samples].iter_mut().enumerate() {
                    *value = self.sample(line, x * samples + number);
                }
                pixel
            })
        })
    }

    fn sample(&self, line: &[u8], number: usize) -> u16 {
        match self.depth {
            16 => u16::from_be_bytes([line[2 * number], line[2 * number + 1]]),
            8 => u16::from(line[number]),
            depth => {
                let bit = number * depth;
                let byte = u16::from(line[bit / 8]);
                (byte >> (8 - depth - bit % 8)) & self.largest()
            }
        }
    }

    fn palette_colour(&self, path: &Path, index: u16) -> Result<&[u8]> {
        let first = 3 * usize::from(index);
        self.palette.get(first..first + 3).ok_or_else(|| {
            let expected = format!(
                "at most {} colours, as its palette has",
                self.palette.len() / 3
            );
            let found = format!("a pixel of colour {index}, counted from 0");
            let advice = "Save the picture as PNG again";
            DataError::content(path, expected, found, advice)
        })
    }
}
