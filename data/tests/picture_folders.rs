//! Folders of pictures: which are taken for what, and what is said when something is missing.

use std::path::{Path, PathBuf};

use limbeck_data::DataError;
use limbeck_data::pictures::{
    LabelMap, PictureFolderOptions, read_picture_folder, write_grey, write_rgb,
};

/// Six pictures `00` to `05` of 2 x 2 pixels, whose first value is their number and whose labels are one
/// 255 and three 0.
fn folder() -> (tempfile::TempDir, PictureFolderOptions) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["image", "label"] {
        std::fs::create_dir(folder.path().join(name)).expect("a sub-folder");
    }
    for number in 0..6 {
        let name = format!("{number:02}.png");
        let [image, label] = ["image", "label"].map(|part| folder.path().join(part).join(&name));
        write_grey(&image, 2, 2, &[number, 0, 0, 0]).expect("a picture");
        write_grey(&label, 2, 2, &[255, 0, 0, 0]).expect("labels");
    }
    let options = PictureFolderOptions {
        folder: folder.path().into(),
        images: "image".into(),
        labels: "label".into(),
        label_map: LabelMap::new([(0, "membrane"), (255, "cell")], []).expect("a map"),
        train: "00-02".into(),
        dev: "03".into(),
        test: "04,05".into(),
    };
    (folder, options)
}

fn refused(options: &PictureFolderOptions, words: &[&str]) -> DataError {
    let error = read_picture_folder(options).unwrap_err();
    let message = error.to_string();
    for word in words {
        assert!(message.contains(word), "{word:?} is missing in: {message}");
    }
    error
}

fn image(folder: &Path, name: &str) -> PathBuf {
    folder.join("image").join(name)
}

#[test]
fn parts_are_the_pictures_that_were_selected() {
    let (folder, options) = folder();
    std::fs::write(image(folder.path(), "notes.txt"), "no picture").expect("a file");
    let data = read_picture_folder(&options).expect("a good folder");
    assert_eq!(data.train.names, ["00", "01", "02"]);
    assert_eq!(data.dev.names, ["03"]);
    assert_eq!(data.test.names, ["04", "05"]);
    for (name, picture) in data.test.names.iter().zip(&data.test.pictures) {
        let number: f32 = name.parse().expect("a number");
        assert_eq!(picture.values, [number / 255.0, 0.0, 0.0, 0.0]);
    }
    assert_eq!(data.train.labels.len(), 3);
    assert_eq!(data.train.labels[2].labels, [1, 0, 0, 0]);
}

#[test]
fn pictures_that_nobody_selected_are_not_read() {
    let (folder, mut options) = folder();
    std::fs::write(image(folder.path(), "05.png"), "broken").expect("a file");
    options.test = "04".into();
    assert_eq!(
        read_picture_folder(&options).expect("04").test.names,
        ["04"]
    );
    options.test = "05".into();
    let error = refused(&options, &["a PNG picture"]);
    assert_eq!(error.path(), Some(image(folder.path(), "05.png").as_path()));
}

#[test]
fn selections_that_overlap_or_take_nothing_are_refused() {
    let (folder, options) = folder();
    let with = |train: &str, dev: &str| PictureFolderOptions {
        train: train.into(),
        dev: dev.into(),
        ..options.clone()
    };
    refused(
        &with("00-03", "03"),
        &["dev:", "\"03\", which train selects too"],
    );
    refused(&with("*", "03"), &["dev:", "\"03\""]);
    let images = image(folder.path(), "").display().to_string();
    let images = images.trim_end_matches('/');
    refused(
        &with("00", "6-9"),
        &["dev:", "\"6-9\"", images, "00, 01, 02, 03, 04, 05"],
    );
    refused(&with("", "03"), &["train:", "ranges of numbers", "00, 01"]);
    refused(&with("2-0", "03"), &["train:", "\"2-0\""]);
}

#[test]
fn missing_folders_pictures_and_labels_are_named() {
    let (folder, options) = folder();
    let label = folder.path().join("label/04.png");
    std::fs::remove_file(&label).expect("the labels of 04");
    let error = refused(&options, &["no such file", "Expected the labels of"]);
    assert_eq!(error.path(), Some(label.as_path()));

    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).expect("a sub-folder");
    let with_images = |images: &str| PictureFolderOptions {
        images: images.into(),
        ..options.clone()
    };
    let error = refused(&with_images("empty"), &["PNG files", "none"]);
    assert_eq!(error.path(), Some(empty.as_path()));
    refused(&with_images("nowhere"), &["nowhere", "Expected the folder"]);
}

#[test]
fn pictures_of_other_sizes_and_channels_are_named_with_both_files() {
    let (folder, options) = folder();
    let labels = folder.path().join("label/01.png");
    write_grey(&labels, 2, 3, &[0; 6]).expect("labels");
    let error = refused(&options, &["image", "2 x 2 pixels", "found 2 x 3"]);
    assert_eq!(error.path(), Some(labels.as_path()));
    write_grey(&labels, 2, 2, &[0; 4]).expect("labels");

    let colour = image(folder.path(), "03.png");
    write_rgb(&colour, 2, 2, &[0; 12]).expect("a picture");
    let error = refused(&options, &["1 channels, as", "00.png has", "found 3"]);
    assert_eq!(error.path(), Some(colour.as_path()));
}

#[cfg(unix)]
#[test]
fn two_files_of_one_name_are_refused() {
    let (folder, options) = folder();
    let other = image(folder.path(), "03.PNG");
    std::fs::copy(image(folder.path(), "03.png"), &other).expect("a copy");
    // A file system that knows no case keeps one file, which is as good.
    if std::fs::read_dir(folder.path().join("image")).map_or(0, Iterator::count) > 6 {
        refused(&options, &["one PNG file of a name", "03."]);
    } else {
        assert_eq!(read_picture_folder(&options).expect("03").dev.names, ["03"]);
    }
}

#[test]
fn options_are_written_and_read_as_text() {
    let (_folder, options) = folder();
    let json = serde_json::to_string(&options).expect("JSON");
    let back: PictureFolderOptions = serde_json::from_str(&json).expect("the options");
    assert_eq!(back, options);
    let wrong = json.replace("\"images\"", "\"image\"");
    assert!(serde_json::from_str::<PictureFolderOptions>(&wrong).is_err());
}
