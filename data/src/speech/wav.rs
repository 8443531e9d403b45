//! WAV files: RIFF chunks, of which `fmt ` and `data` are read.
//!
//! Layout and format tags: IBM and Microsoft, "Multimedia Programming Interface and Data Specifications
//! 1.0" (1991), and the later `WAVEFORMATEXTENSIBLE`. A chunk is a name of four bytes, a length, and as
//! many bytes, with one more behind an odd number of them. All numbers are little-endian.

use std::path::Path;

use crate::error::{DataError, Result};
use crate::read::unreadable;

/// The format tags that are read.
const PCM: u16 = 1;
const FLOAT: u16 = 3;
const EXTENSIBLE: u16 = 0xFFFE;

/// One channel of sound.
#[derive(Clone, Debug, PartialEq)]
pub struct Waveform {
    /// Samples a second.
    pub sample_rate: u32,
    /// The samples; from -1 to 1 where the file has integers.
    pub samples: Vec<f32>,
}

/// Reads a WAV file of 8, 16, 24 or 32-bit integers or of 32-bit floats. Several channels are mixed to
/// their mean. Silence is no error: the features of it are their floor.
///
/// # Errors
/// The file is missing, no RIFF/WAVE file, cut off, without samples, of another format, or has a sample
/// rate of 0 or a sample that is not finite.
pub fn read_wav(path: &Path) -> Result<Waveform> {
    let bytes = std::fs::read(path).map_err(|source| unreadable(path, source))?;
    let wav = Wav { path };
    let chunks = wav.chunks(&bytes)?;
    let format = wav.format(chunks.format)?;
    let frame = format.bytes * usize::from(format.channels);
    if chunks.data.is_empty() {
        return Err(wav.wrong(
            "samples",
            "none",
            "Record it again, or take it off the list",
        ));
    }
    if chunks.data.len() % frame != 0 {
        let expected = format!("samples of {frame} bytes for all channels together");
        let found = format!("{} bytes of them", chunks.data.len());
        return Err(wav.wrong(&expected, &found, CUT_OFF));
    }
    let channels = f64::from(format.channels);
    // The mean in f64: a sum of many channels of 32 bits would be rounded in f32.
    let mean = |frame: &[u8]| {
        let samples = frame.chunks_exact(format.bytes);
        let sum: f64 = samples.map(|sample| format.value(sample)).sum();
        (sum / channels) as f32
    };
    let samples: Vec<f32> = chunks.data.chunks_exact(frame).map(mean).collect();
    if let Some(at) = samples.iter().position(|sample| !sample.is_finite()) {
        let found = format!("{} as number {at} (from 0)", samples[at]);
        return Err(wav.wrong("samples that are finite", &found, "Write the file again"));
    }
    Ok(Waveform {
        sample_rate: format.sample_rate,
        samples,
    })
}

const CUT_OFF: &str = "The file seems to be cut off: copy or write it again";

struct Wav<'a> {
    path: &'a Path,
}

struct Chunks<'a> {
    format: &'a [u8],
    data: &'a [u8],
}

impl Wav<'_> {
    fn wrong(&self, expected: &str, found: &str, advice: &str) -> DataError {
        DataError::content(self.path, expected, found, advice)
    }

    /// Walks over the chunks up to `data`; the one before it that is called `fmt ` says what it holds.
    fn chunks<'a>(&self, bytes: &'a [u8]) -> Result<Chunks<'a>> {
        let start = |range| String::from_utf8_lossy(bytes.get(range).unwrap_or_default());
        if !(bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WAVE")) {
            let found = match bytes.len() {
                0..12 => format!("{} bytes", bytes.len()),
                _ => format!("{:?} and {:?}", start(0..4), start(8..12)),
            };
            let expected = "a WAV file, which begins with \"RIFF\", its length and \"WAVE\"";
            return Err(self.wrong(expected, &found, "Convert it to WAV, or name another file"));
        }
        let mut at = 12;
        let mut format = None;
        loop {
            let Some(header) = bytes.get(at..at + 8) else {
                let missing = if format.is_none() { "fmt " } else { "data" };
                let found = format!("the end of the file at byte {}", bytes.len());
                return Err(self.wrong(&format!("a chunk {missing:?}"), &found, CUT_OFF));
            };
            let (name, length) = header.split_at(4);
            let length = number(length) as usize;
            let first = at + 8;
            let Some(content) = bytes.get(first..first.saturating_add(length)) else {
                let name = String::from_utf8_lossy(name);
                let expected = format!("{length} bytes of the chunk {name:?} from byte {first}");
                let found = format!("{} bytes", bytes.len() - first);
                return Err(self.wrong(&expected, &found, CUT_OFF));
            };
            match (name, format) {
                (b"fmt ", _) => format = Some(content),
                (b"data", Some(format)) => {
                    return Ok(Chunks {
                        format,
                        data: content,
                    });
                }
                (b"data", None) => {
                    let expected = "a chunk \"fmt \" before the samples";
                    return Err(self.wrong(expected, "none", "Write the file again"));
                }
                _ => {}
            }
            at = first + length + length % 2;
        }
    }

    fn format(&self, chunk: &[u8]) -> Result<Format> {
        let again = "Write the file again";
        let short = |wanted: usize| {
            let found = format!("{} bytes", chunk.len());
            self.wrong(
                &format!("a chunk \"fmt \" of at least {wanted} bytes"),
                &found,
                again,
            )
        };
        let fields = chunk.get(..16).ok_or_else(|| short(16))?;
        let tag = match number(&fields[..2]) as u16 {
            // The tag proper is the beginning of the sub-format; what follows it is the same for all.
            EXTENSIBLE => number(chunk.get(24..26).ok_or_else(|| short(40))?) as u16,
            tag => tag,
        };
        let (channels, sample_rate) = (number(&fields[2..4]), number(&fields[4..8]));
        let (frame, bits) = (number(&fields[12..14]), number(&fields[14..16]));
        if channels == 0 || sample_rate == 0 {
            let expected = "at least one channel and a sample rate above 0";
            let found = format!("{channels} channels at {sample_rate} samples a second");
            return Err(self.wrong(expected, &found, again));
        }
        let known = matches!((tag, bits), (PCM, 8 | 16 | 24 | 32) | (FLOAT, 32));
        if !known || frame != channels * bits / 8 {
            let expected =
                "integers of 8, 16, 24 or 32 bits (format 1), or floats of 32 (format 3)";
            let found = format!(
                "format {tag}, {bits} bits, {frame} bytes for {channels} channels together"
            );
            return Err(self.wrong(expected, &found, "Convert the file to 16-bit PCM"));
        }
        Ok(Format {
            float: tag == FLOAT,
            channels: channels as u16,
            bytes: bits as usize / 8,
            sample_rate,
        })
    }
}

struct Format {
    float: bool,
    channels: u16,
    /// Of one sample.
    bytes: usize,
    sample_rate: u32,
}

impl Format {
    /// A sample from -1 to 1. Integers are divided by 2^(bits - 1), so that silence is 0.
    fn value(&self, sample: &[u8]) -> f64 {
        match (self.float, self.bytes) {
            (true, _) => f64::from(f32::from_bits(number(sample))),
            // 8 bits are the only integers without a sign; 128 is silence.
            (_, 1) => (f64::from(sample[0]) - 128.0) / 128.0,
            (_, bytes) => {
                // The sample as the upper bytes of 32 bits, where its sign is theirs.
                let upper = (number(sample) << (32 - 8 * bytes)) as i32;
                f64::from(upper) / f64::from(1u32 << 31)
            }
        }
    }
}

/// Up to four bytes, the lowest first.
fn number(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .rev()
        .fold(0, |number, &byte| number << 8 | u32::from(byte))
}
