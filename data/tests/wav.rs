//! WAV files: every kind of samples, chunks nobody asked for, and what is said of those that are wrong.

use std::path::Path;

use hound::{SampleFormat, WavSpec, WavWriter};
use limbeck_data::DataError;
use limbeck_data::speech::read_wav;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn spec(channels: u16, bits_per_sample: u16, sample_format: SampleFormat) -> WavSpec {
    WavSpec {
        channels,
        sample_rate: 8000,
        bits_per_sample,
        sample_format,
    }
}

fn write<S: hound::Sample + Copy>(path: &Path, spec: WavSpec, samples: &[S]) {
    let mut writer = WavWriter::create(path, spec).expect("a file");
    for &sample in samples {
        writer.write_sample(sample).expect("a sample");
    }
    writer.finalize().expect("a whole file");
}

/// A WAV file of these chunks; one of odd length is followed by one more byte.
fn riff(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut bytes = b"RIFF\0\0\0\0WAVE".to_vec();
    for (name, content) in chunks {
        bytes.extend_from_slice(*name);
        bytes.extend((content.len() as u32).to_le_bytes());
        bytes.extend(content);
        bytes.extend(vec![0; content.len() % 2]);
    }
    bytes
}

/// A `fmt ` chunk of 16 bytes.
fn format(tag: u16, channels: u16, rate: u32, bits: u16) -> Vec<u8> {
    let frame = channels * (bits / 8);
    let mut chunk = [tag.to_le_bytes(), channels.to_le_bytes()].concat();
    chunk.extend(rate.to_le_bytes());
    chunk.extend(rate.wrapping_mul(u32::from(frame)).to_le_bytes());
    chunk.extend(frame.to_le_bytes());
    chunk.extend(bits.to_le_bytes());
    chunk
}

fn assert_message(error: &DataError, path: &Path, words: &[&str]) {
    let message = error.to_string();
    assert_eq!(error.path(), Some(path), "{message}");
    for word in words {
        assert!(message.contains(word), "{word:?} is missing in: {message}");
    }
}

#[test]
fn integers_of_every_size_and_floats_are_read() {
    let folder = folder();
    let path = folder.path().join("a.wav");
    for bits in [8, 16, 24, 32] {
        let largest = (1i64 << (bits - 1)) - 1;
        let samples = [0, -1, largest / 4 + 1, largest, -largest - 1].map(|v| v as i32);
        write(&path, spec(1, bits, SampleFormat::Int), &samples);
        let sound = read_wav(&path).expect("a good file");
        assert_eq!(sound.sample_rate, 8000);
        let expected = samples.map(|v| (f64::from(v) / (largest + 1) as f64) as f32);
        assert_eq!(sound.samples, expected, "{bits} bits");
    }
    let samples = [0.0f32, -1.5, 0.3, 1e-20];
    write(&path, spec(1, 32, SampleFormat::Float), &samples);
    assert_eq!(read_wav(&path).expect("a good file").samples, samples);
}

#[test]
fn channels_are_mixed_to_their_mean() {
    let folder = folder();
    let path = folder.path().join("a.wav");
    let spec = spec(2, 16, SampleFormat::Int);
    write(&path, spec, &[16384i16, 0, -32768, -32768, 8192, -8192]);
    let sound = read_wav(&path).expect("a good file");
    assert_eq!(sound.samples, [0.25, -1.0, 0.0]);
}

#[test]
fn other_chunks_are_walked_over_whatever_their_length() {
    let folder = folder();
    let path = folder.path().join("a.wav");
    let samples = vec![0, 64, 0, 192];
    for odd in [vec![1, 2, 3], vec![], vec![b'd'; 8]] {
        let chunks = [
            (b"LIST", odd.clone()),
            (b"fmt ", format(1, 1, 8000, 16)),
            (b"junk", odd),
            (b"data", samples.clone()),
            (b"tail", vec![9]),
        ];
        std::fs::write(&path, riff(&chunks)).expect("a file");
        assert_eq!(read_wav(&path).expect("a good file").samples, [0.5, -0.5]);
    }
}

#[test]
fn wrong_wav_files_are_named() {
    let folder = folder();
    let path = folder.path().join("a.wav");
    assert!(matches!(read_wav(&path), Err(DataError::Missing { .. })));
    let good = format(1, 1, 8000, 16);
    let with = |format: &Vec<u8>, data: Vec<u8>| {
        let chunks = [(b"fmt ", format.clone()), (b"data", data)];
        riff(&chunks)
    };
    let whole = with(&good, vec![0; 40]);
    let mut no_rate = good.clone();
    no_rate[4..8].fill(0);
    let mut long_fmt = good.clone();
    long_fmt.truncate(15);
    let mut compressed = good.clone();
    compressed[0] = 2;
    let mut frame = good.clone();
    frame[12] = 3;
    let nan = f32::NAN.to_le_bytes().to_vec();
    for (bytes, words) in [
        (
            b"no sound at all".to_vec(),
            ["\"RIFF\"", "\"no s\"", "Convert it"],
        ),
        (b"RIFF".to_vec(), ["\"RIFF\"", "4 bytes", "Convert it"]),
        (
            b"RIFX\0\0\0\0WAVE".to_vec(),
            ["\"RIFF\"", "\"RIFX\"", "Convert it"],
        ),
        (
            whole[..whole.len() - 1].to_vec(),
            ["40 bytes", "39 bytes", "cut off"],
        ),
        (
            whole[..30].to_vec(),
            ["16 bytes of the chunk", "10 bytes", "cut off"],
        ),
        (
            whole[..36].to_vec(),
            ["\"data\"", "end of the file", "cut off"],
        ),
        (whole[..12].to_vec(), ["\"fmt \"", "byte 12", "cut off"]),
        (with(&good, vec![]), ["samples", "none", "Record it again"]),
        (with(&good, vec![0; 3]), ["2 bytes", "3 bytes", "cut off"]),
        (
            with(&no_rate, vec![0; 2]),
            ["sample rate above 0", "at 0 samples", "again"],
        ),
        (
            with(&format(1, 0, 8000, 16), vec![0; 2]),
            ["one channel", "0 channels", "again"],
        ),
        (
            with(&long_fmt, vec![0; 2]),
            ["at least 16", "15 bytes", "again"],
        ),
        (
            with(&format(0xFFFE, 1, 8000, 16), vec![0; 2]),
            ["at least 40", "16 bytes", "again"],
        ),
        (
            with(&compressed, vec![0; 2]),
            ["format 1", "format 2, 16 bits", "16-bit PCM"],
        ),
        (
            with(&frame, vec![0; 2]),
            ["format 1", "3 bytes for 1", "16-bit PCM"],
        ),
        (
            with(&format(3, 1, 8000, 64), vec![0; 8]),
            ["floats of 32", "64 bits", "PCM"],
        ),
        (
            with(&format(3, 1, 8000, 32), nan),
            ["finite", "NaN as number 0", "again"],
        ),
        (
            riff(&[(b"data", vec![0; 2])]),
            ["before the samples", "none", "again"],
        ),
    ] {
        std::fs::write(&path, bytes).expect("a file");
        assert_message(&read_wav(&path).unwrap_err(), &path, &words);
    }
}
