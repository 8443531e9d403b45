//! Files that are broken at random are refused or read, and never stop the program.

use std::path::Path;

use limbeck_data::pictures::{LabelMap, read_grey, read_labels, read_picture, write_grey};
use limbeck_data::rng::Rng;
use limbeck_data::speech::{LogMel, LogMelOptions, read_wav};

/// Versions of a file: cut off, with bits turned over, with a byte replaced or taken out, and bytes of
/// no meaning behind its first ones.
fn broken(whole: &[u8], round: u64) -> Vec<u8> {
    let mut rng = Rng::new(11, "broken", &[round]);
    let mut bytes = whole.to_vec();
    match round % 5 {
        0 => bytes.truncate(rng.below(whole.len())),
        1 => {
            for _ in 0..=rng.below(4) {
                let at = rng.below(bytes.len());
                bytes[at] ^= 1 << rng.below(8);
            }
        }
        2 => {
            // Headers, where lengths and sizes stand.
            let at = rng.below(bytes.len().min(48));
            bytes[at] = rng.next_u64() as u8;
        }
        3 => {
            bytes.remove(rng.below(whole.len()));
        }
        _ => {
            let kept = rng.below(whole.len().min(48));
            bytes.truncate(kept);
            let length = rng.below(200);
            bytes.extend((0..length).map(|_| rng.next_u64() as u8));
        }
    }
    bytes
}

/// The checksum of PNG and gzip (ISO 3309), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| {
        if crc & 1 == 1 {
            crc >> 1 ^ 0xEDB8_8320
        } else {
            crc >> 1
        }
    };
    let add = |crc: u32, &byte: &u8| (0..8).fold(crc ^ u32::from(byte), step);
    !bytes.iter().fold(!0, add)
}

/// Corrects the checksums of the chunks, so that what they hold is looked at.
fn with_checksums(mut png: Vec<u8>) -> Vec<u8> {
    let mut at = 8;
    while let Some(length) = png.get(at..at + 4) {
        let length = u32::from_be_bytes([length[0], length[1], length[2], length[3]]) as usize;
        let end = at.saturating_add(8).saturating_add(length);
        if end.saturating_add(4) > png.len() {
            break;
        }
        let checksum = crc32(&png[at + 4..end]);
        png[end..end + 4].copy_from_slice(&checksum.to_be_bytes());
        at = end + 4;
    }
    png
}

fn pngs(folder: &Path) -> Vec<Vec<u8>> {
    let path = folder.join("whole.png");
    let values: Vec<u8> = (0..63).map(|n| (n * 37 % 256) as u8).collect();
    write_grey(&path, 7, 9, &values).expect("a picture");
    let mut files = vec![std::fs::read(&path).expect("its bytes")];
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 5, 3);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Four);
    encoder.set_palette(vec![9; 48]);
    encoder.set_trns(vec![7; 16]);
    let mut writer = encoder.write_header().expect("a header");
    writer.write_image_data(&[0x12; 9]).expect("pixels");
    writer.finish().expect("a picture");
    files.push(bytes);
    files
}

#[test]
fn broken_pictures_never_stop_the_program() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("broken.png");
    let map = LabelMap::new((0..=255).map(|v| (v, if v < 9 { "a" } else { "b" })), []);
    let map = map.expect("a map");
    let (mut read, mut refused) = (0, 0);
    for whole in pngs(folder.path()) {
        for round in 0..700 {
            let bytes = broken(&whole, round);
            let bytes = if round % 2 == 0 {
                with_checksums(bytes)
            } else {
                bytes
            };
            std::fs::write(&path, &bytes).expect("a file");
            match read_picture(&path) {
                Ok(picture) => {
                    let values = picture.height * picture.width * picture.channels;
                    assert_eq!(picture.values.len(), values);
                    assert!(
                        picture
                            .values
                            .iter()
                            .all(|value| (0.0..=1.0).contains(value))
                    );
                    read += 1;
                }
                Err(error) => {
                    assert_eq!(error.path(), Some(path.as_path()), "{error}");
                    refused += 1;
                }
            }
            if let Ok(labels) = read_labels(&path, &map) {
                assert_eq!(labels.labels.len(), labels.height * labels.width);
            }
            if let Ok(mask) = read_grey(&path) {
                assert_eq!(mask.values.len(), mask.height * mask.width);
            }
        }
    }
    // A picture has parts that say nothing of it, so that some of the broken ones are read.
    assert!(refused > 700 && read > 10, "{read} read, {refused} refused");
}

fn wav() -> Vec<u8> {
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 8000,
        bits_per_sample: 24,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).expect("a header");
    (0..60).for_each(|n| writer.write_sample(n * 1000).expect("a sample"));
    writer.finalize().expect("a whole file");
    bytes.into_inner()
}

#[test]
fn broken_sounds_never_stop_the_program() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("broken.wav");
    let mel = LogMel::new(&LogMelOptions::default()).expect("options");
    let whole = wav();
    let (mut read, mut refused) = (0, 0);
    for round in 0..1500 {
        std::fs::write(&path, broken(&whole, round)).expect("a file");
        match read_wav(&path) {
            Ok(sound) => {
                let features = mel.features(&sound.samples);
                assert!(features.values.iter().all(|value| value.is_finite()));
                if let Ok(sound) = sound.resampled(8000) {
                    assert!(sound.samples.iter().all(|sample| sample.is_finite()));
                }
                read += 1;
            }
            Err(error) => {
                assert_eq!(error.path(), Some(path.as_path()), "{error}");
                refused += 1;
            }
        }
    }
    assert!(
        refused > 250 && read > 250,
        "{read} read, {refused} refused"
    );
}
