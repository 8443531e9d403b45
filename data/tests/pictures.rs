//! Pictures and labels: every kind of PNG, and what is said of those that are wrong.

use std::path::{Path, PathBuf};

use limbeck_data::DataError;
use limbeck_data::pictures::{
    IGNORED, LabelMap, Picture, Symmetry, read_grey, read_labels, read_picture, write_grey,
    write_rgb,
};
use png::{BitDepth, ColorType};

struct Png<'a> {
    size: (u32, u32),
    colour: ColorType,
    depth: BitDepth,
    data: &'a [u8],
    palette: &'a [u8],
}

impl Png<'_> {
    fn write(&self, path: &Path) {
        let file = std::fs::File::create(path).expect("a file");
        let mut encoder = png::Encoder::new(file, self.size.0, self.size.1);
        encoder.set_color(self.colour);
        encoder.set_depth(self.depth);
        if !self.palette.is_empty() {
            encoder.set_palette(self.palette.to_vec());
        }
        let mut writer = encoder.write_header().expect("a header");
        writer.write_image_data(self.data).expect("pixels");
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// Width and height, then the packed samples.
fn picture(size: (u32, u32), colour: ColorType, depth: BitDepth, data: &[u8]) -> Picture {
    let folder = folder();
    let path = folder.path().join("a.png");
    let palette: &[u8] = match colour {
        ColorType::Indexed => &[255, 0, 51, 0, 102, 255],
        _ => &[],
    };
    Png {
        size,
        colour,
        depth,
        data,
        palette,
    }
    .write(&path);
    read_picture(&path).expect("a good picture")
}

fn assert_message(error: &DataError, path: &Path, words: &[&str]) {
    let message = error.to_string();
    assert_eq!(error.path(), Some(path), "{message}");
    let path = path.display().to_string();
    for word in words.iter().copied().chain([path.as_str()]) {
        assert!(message.contains(word), "{word:?} is missing in: {message}");
    }
}

#[test]
fn every_bit_depth_reaches_from_0_to_1() {
    use BitDepth::{Eight, Four, One, Sixteen, Two};
    let grey = |width, depth, data: &[u8]| {
        let picture = picture((width, 2), ColorType::Grayscale, depth, data);
        assert_eq!((picture.height, picture.width), (2, width as usize));
        assert_eq!(picture.channels, 1);
        picture.values
    };
    // Each line begins with a new byte: nine pixels of one bit are two bytes, the last seven bits unused.
    let nine = grey(9, One, &[0b1010_0000, 0b1000_0000, 0b0000_0001, 0]);
    let ones = [0, 2, 8, 16];
    let expected = (0..18).map(|at| f32::from(u8::from(ones.contains(&at))));
    assert_eq!(nine, expected.collect::<Vec<_>>());
    assert_eq!(
        grey(2, Two, &[0b0001_0000, 0b1011_0000]),
        [0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0]
    );
    assert_eq!(grey(1, Four, &[0x30, 0xF0]), [0.2, 1.0]);
    assert_eq!(grey(1, Eight, &[51, 255]), [0.2, 1.0]);
    let sixteen = grey(1, Sixteen, &[0x33, 0x33, 0xFF, 0xFF]);
    assert_eq!(sixteen, [0.2, 1.0]);
}

#[test]
fn colours_come_from_channels_and_palettes_and_transparency_is_dropped() {
    use ColorType::{GrayscaleAlpha, Indexed, Rgb, Rgba};
    let rgb = picture((1, 2), Rgb, BitDepth::Eight, &[255, 0, 51, 0, 102, 255]);
    assert_eq!((rgb.height, rgb.width, rgb.channels), (2, 1, 3));
    assert_eq!(rgb.values, [1.0, 0.0, 0.2, 0.0, 0.4, 1.0]);
    // The palette has the same two colours.
    let indexed = picture((1, 2), Indexed, BitDepth::Two, &[0, 0b0100_0000]);
    assert_eq!(indexed, rgb);
    let rgba = [255, 0, 51, 0, 0, 102, 255, 9];
    assert_eq!(picture((1, 2), Rgba, BitDepth::Eight, &rgba), rgb);
    let grey = picture((2, 1), GrayscaleAlpha, BitDepth::Eight, &[51, 0, 255, 9]);
    assert_eq!((grey.channels, grey.values), (1, vec![0.2, 1.0]));
}

#[test]
fn a_pixel_without_a_colour_in_the_palette_is_named() {
    let folder = folder();
    let path = folder.path().join("a.png");
    Png {
        size: (1, 1),
        colour: ColorType::Indexed,
        depth: BitDepth::Eight,
        data: &[2],
        palette: &[255, 0, 51, 0, 102, 255],
    }
    .write(&path);
    let error = read_picture(&path).unwrap_err();
    assert_message(&error, &path, &["at most 2 colours", "colour 2"]);
}

#[test]
fn what_is_written_is_read_back() {
    let folder = folder();
    let (grey, rgb) = (
        folder.path().join("grey.png"),
        folder.path().join("rgb.png"),
    );
    let values: Vec<u8> = (0..15).map(|n| n * 17).collect();
    write_grey(&grey, 3, 5, &values).expect("a mask");
    let back = read_grey(&grey).expect("the mask");
    assert_eq!((back.height, back.width, &back.values), (3, 5, &values));
    write_rgb(&rgb, 5, 1, &values).expect("a picture");
    let back = read_picture(&rgb).expect("the picture");
    assert_eq!((back.height, back.width, back.channels), (5, 1, 3));
    let expected: Vec<f32> = values.iter().map(|&v| f32::from(v) / 255.0).collect();
    assert_eq!(back.values, expected);
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .expect("a folder")
        .collect();
    assert_eq!(left.len(), 2, "no temporary file remains: {left:?}");

    let error = read_grey(&rgb).unwrap_err();
    assert_message(
        &error,
        &rgb,
        &["a grey picture of 8 bits", "red, green, blue"],
    );
    let error = write_grey(&grey, 2, 5, &values).unwrap_err();
    assert_message(&error, &grey, &["2 x 5 pixels of 1 values", "15 values"]);
    assert!(write_rgb(&rgb, 3, 5, &values).is_err());
    assert!(write_grey(&grey, 0, 5, &[]).is_err());
    assert!(write_grey(&grey, usize::MAX, 2, &values).is_err());
    assert_eq!(read_grey(&grey).expect("still the mask").values, values);
}

/// A PNG of 3 x 2 pixels with the labels 0 and 255, and one 128.
fn labels(folder: &Path) -> PathBuf {
    let path = folder.join("labels.png");
    write_grey(&path, 2, 3, &[0, 0, 255, 255, 0, 128]).expect("labels");
    path
}

#[test]
fn labels_are_classes_and_ignored_pixels() {
    let folder = folder();
    let path = labels(folder.path());
    let map = LabelMap::new([(255, "cell"), (0, "membrane")], [128]).expect("a map");
    assert_eq!(map.classes(), ["membrane", "cell"]);
    let picture = read_labels(&path, &map).expect("labels");
    assert_eq!((picture.height, picture.width), (2, 3));
    assert_eq!(picture.labels, [0, 0, 1, 1, 0, IGNORED]);
    let part = picture.crop(0, 1, 2, 2).expect("a part");
    assert_eq!(part.labels, [0, 1, 0, IGNORED]);
    let turned = picture.turned(Symmetry::Turn180);
    assert_eq!(turned.labels, [IGNORED, 0, 1, 1, 0, 0]);

    // The numbers of a palette's colours are labels as they stand; the colours say nothing.
    let indexed = folder.path().join("indexed.png");
    Png {
        size: (3, 1),
        colour: ColorType::Indexed,
        depth: BitDepth::Two,
        data: &[0b0110_0000],
        palette: &[255, 0, 51, 0, 102, 255, 7, 7, 7],
    }
    .write(&indexed);
    let map = LabelMap::new([(0, "a"), (1, "b"), (2, "a")], []).expect("a map");
    assert_eq!(
        read_labels(&indexed, &map).expect("labels").labels,
        [1, 0, 0]
    );
}

#[test]
fn wrong_label_pictures_are_named() {
    let folder = folder();
    let path = labels(folder.path());
    let map = LabelMap::new([(255, "cell"), (0, "membrane")], []).expect("a map");
    let error = read_labels(&path, &map).unwrap_err();
    let words = ["128 at x = 2, y = 1", "which are 0, 255", "as ignored"];
    assert_message(&error, &path, &words);

    let colour = folder.path().join("colour.png");
    write_rgb(&colour, 1, 1, &[0, 0, 0]).expect("a picture");
    let error = read_labels(&colour, &map).unwrap_err();
    assert_message(
        &error,
        &colour,
        &["8-bit grey", "colour picture", "of 8 bits"],
    );
}

#[test]
fn maps_are_checked_and_survive_json() {
    let refused = |values: &[(u16, &str)], ignored: &[u16], word: &str| {
        let values = values.iter().map(|&(value, name)| (value, name));
        let error = LabelMap::new(values, ignored.iter().copied()).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    };
    refused(&[], &[], "none");
    refused(&[(0, "a"), (1, "a")], &[], "only \"a\"");
    refused(&[(0, "a"), (1, "b"), (0, "b")], &[], "0 twice");
    refused(&[(0, "a"), (1, "b")], &[1], "1 twice");
    refused(&[(0, "a"), (1, "")], &[], "no name for 1");

    let map = LabelMap::new([(9, "a"), (10, "b"), (300, "a")], [2]).expect("a map");
    let json = serde_json::to_string(&map).expect("JSON");
    assert_eq!(
        json,
        r#"{"values":{"10":"b","300":"a","9":"a"},"ignored":[2]}"#
    );
    assert_eq!(
        serde_json::from_str::<LabelMap>(&json).expect("the map"),
        map
    );
    for (wrong, word) in [
        (r#"{"values":{"x":"a","1":"b"}}"#, "\"x\""),
        (r#"{"values":{"0":"a"}}"#, "only"),
        (r#"{"values":{"0":"a","1":"b"},"ignore":[2]}"#, "ignore"),
    ] {
        let error = serde_json::from_str::<LabelMap>(wrong).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn files_that_are_no_pictures_are_named() {
    let folder = folder();
    let path = folder.path().join("a.png");
    assert!(matches!(
        read_picture(&path),
        Err(DataError::Missing { .. })
    ));
    std::fs::write(&path, "a picture").expect("a file");
    let error = read_picture(&path).unwrap_err();
    assert_message(&error, &path, &["a PNG picture", "other bytes", "Save"]);

    write_grey(&path, 40, 40, &[7; 1600]).expect("a picture");
    let whole = std::fs::read(&path).expect("its bytes");
    std::fs::write(&path, &whole[..whole.len() - 20]).expect("a file");
    let error = read_picture(&path).unwrap_err();
    assert_message(&error, &path, &["cannot be read"]);
}

#[test]
fn a_header_that_claims_too_much_is_refused_before_memory_is_asked_for() {
    let folder = folder();
    let path = folder.path().join("a.png");
    // The signature and a header chunk (length, name, 13 bytes, checksum), then nothing.
    for (width, height) in [(1u32 << 30, 1u32 << 30), (1 << 14, (1 << 14) + 1)] {
        let mut bytes = Vec::new();
        let encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.write_header().expect("a header");
        std::fs::write(&path, &bytes).expect("a file");
        let error = read_picture(&path).unwrap_err();
        assert_message(
            &error,
            &path,
            &["more than 2^28", &format!("{height} x {width}")],
        );
    }
}

#[test]
fn a_crop_is_the_part_that_was_asked_for() {
    let picture = Picture {
        height: 3,
        width: 4,
        channels: 2,
        values: (0..24u8).map(f32::from).collect(),
    };
    let part = picture.crop(1, 2, 2, 2).expect("a part");
    assert_eq!((part.height, part.width, part.channels), (2, 2, 2));
    assert_eq!(
        part.values,
        [12.0, 13.0, 14.0, 15.0, 20.0, 21.0, 22.0, 23.0]
    );
    assert_eq!(picture.crop(0, 0, 3, 4).expect("all of it"), picture);
    for (top, left, height, width) in [
        (2, 0, 2, 4),
        (0, 3, 3, 2),
        (0, 0, 0, 1),
        (0, 0, 1, 0),
        (usize::MAX, 0, 2, 1),
    ] {
        let error = picture.crop(top, left, height, width).unwrap_err();
        assert!(error.to_string().contains("3 x 4 pixels"), "{error}");
    }
    let turned = part.turned(Symmetry::Turn90);
    assert_eq!(
        turned.values,
        [20.0, 21.0, 12.0, 13.0, 22.0, 23.0, 14.0, 15.0]
    );
}
