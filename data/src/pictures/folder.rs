//! A data set of pictures: a folder with one sub-folder of pictures and one of labels.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::selection::select;
use super::{LabelMap, LabelPicture, Picture, read_labels, read_picture};
use crate::error::{DataError, Result};
use crate::read::{expect_folder, list};

/// Where the pictures stand, what their labels mean, and which are for what.
///
/// A selection is a list joined by commas: names without their ending (`00`), ranges (`00-17` takes
/// the pictures whose names are numbers from 0 to 17), or `*` for all. Pictures that follow one another
/// in a stack or a film look alike: keep neighbours in one part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PictureFolderOptions {
    /// The folder of the data set.
    pub folder: PathBuf,
    /// The sub-folder of the pictures, PNG files.
    pub images: String,
    /// The sub-folder of the label pictures, which have the pictures' names.
    pub labels: String,
    /// What pixel values of label pictures mean.
    pub label_map: LabelMap,
    /// The pictures to train on.
    pub train: String,
    /// The pictures to choose with; empty: none.
    pub dev: String,
    /// The pictures to judge with; empty: none.
    pub test: String,
}

/// Pictures with their labels; the three lists are of one length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PictureSet {
    /// The files' names without `.png`, in byte order.
    pub names: Vec<String>,
    /// The pictures; sizes may differ, the number of channels does not.
    pub pictures: Vec<Picture>,
    /// What their pixels show; each as large as its picture.
    pub labels: Vec<LabelPicture>,
}

/// A data set of pictures in memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PictureFolder {
    /// To train on.
    pub train: PictureSet,
    /// To choose with.
    pub dev: PictureSet,
    /// To judge with.
    pub test: PictureSet,
}

/// Reads the selected pictures of a folder, and no other.
///
/// # Errors
/// A folder without PNG files; a selection that is malformed or takes nothing; a picture in two
/// selections; a picture without labels, or with labels of another size; pictures of different numbers
/// of channels; whatever a file can be wrong about ([`read_picture`], [`read_labels`]).
pub fn read_picture_folder(options: &PictureFolderOptions) -> Result<PictureFolder> {
    let images = options.folder.join(&options.images);
    let labels = options.folder.join(&options.labels);
    let pictures = png_files(&images)?;
    expect_folder(&labels)?;
    let mut reader = Reader {
        labels: png_files(&labels)?,
        label_folder: &labels,
        pictures: &pictures,
        map: &options.label_map,
        channels: None,
    };
    let chosen = chosen(options, &pictures, &images)?;
    let [train, dev, test] = chosen.map(|names| reader.set(names));
    Ok(PictureFolder {
        train: train?,
        dev: dev?,
        test: test?,
    })
}

/// The names of the three parts.
fn chosen(
    options: &PictureFolderOptions,
    pictures: &BTreeMap<String, PathBuf>,
    images: &Path,
) -> Result<[BTreeSet<String>; 3]> {
    let names: BTreeSet<String> = pictures.keys().cloned().collect();
    let known = list(&names.iter().cloned().collect::<Vec<_>>());
    let mut part_of: BTreeMap<String, &str> = BTreeMap::new();
    let mut part = |part: &'static str, selection: &str| {
        if selection.is_empty() && part != "train" {
            return Ok(BTreeSet::new());
        }
        let taken = select(selection, &names).map_err(|fault| {
            let expected = format!("{}; {} has {known}", fault.expected, images.display());
            DataError::option(part, expected, fault.found)
        })?;
        for name in &taken {
            if let Some(other) = part_of.insert(name.clone(), part) {
                let found = format!("{name:?}, which {other} selects too");
                return Err(DataError::option(part, "pictures of no other part", found));
            }
        }
        Ok(taken)
    };
    Ok([
        part("train", &options.train)?,
        part("dev", &options.dev)?,
        part("test", &options.test)?,
    ])
}

/// The PNG files of a folder by their names without the ending; others are passed over.
fn png_files(folder: &Path) -> Result<BTreeMap<String, PathBuf>> {
    expect_folder(folder)?;
    let io = |source| DataError::io(folder, source);
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let is_png = path
            .extension()
            .is_some_and(|ending| ending.eq_ignore_ascii_case("png"));
        let (true, Some(stem)) = (is_png && path.is_file(), path.file_stem()) else {
            continue;
        };
        let name = stem.to_string_lossy().into_owned();
        if let Some(other) = files.insert(name, path.clone()) {
            return Err(DataError::content(
                &path,
                "one PNG file of a name",
                format!("{} too", other.display()),
                "Rename one of them",
            ));
        }
    }
    if files.is_empty() {
        return Err(DataError::content(
            folder,
            "PNG files",
            "none",
            "Check the folder, or convert the pictures to PNG",
        ));
    }
    Ok(files)
}

struct Reader<'a> {
    label_folder: &'a Path,
    labels: BTreeMap<String, PathBuf>,
    pictures: &'a BTreeMap<String, PathBuf>,
    map: &'a LabelMap,
    /// Of the first picture read, and its file.
    channels: Option<(usize, PathBuf)>,
}

impl Reader<'_> {
    fn set(&mut self, names: BTreeSet<String>) -> Result<PictureSet> {
        let mut set = PictureSet::default();
        for name in names {
            let (picture, labels) = self.pair(&name)?;
            set.names.push(name);
            set.pictures.push(picture);
            set.labels.push(labels);
        }
        Ok(set)
    }

    fn pair(&mut self, name: &str) -> Result<(Picture, LabelPicture)> {
        let path = &self.pictures[name];
        let picture = read_picture(path)?;
        let (channels, first) = self
            .channels
            .get_or_insert_with(|| (picture.channels, path.clone()));
        if picture.channels != *channels {
            return Err(DataError::content(
                path,
                format!("{channels} channels, as {} has", first.display()),
                picture.channels,
                "Save all pictures in grey, or all in colour",
            ));
        }
        let Some(label_path) = self.labels.get(name) else {
            return Err(DataError::Missing {
                path: self.label_folder.join(format!("{name}.png")),
                advice: format!(
                    "Expected the labels of {}: add them, or select other pictures",
                    path.display()
                ),
            });
        };
        let labels = read_labels(label_path, self.map)?;
        if (labels.height, labels.width) != (picture.height, picture.width) {
            return Err(DataError::content(
                label_path,
                format!(
                    "{} x {} pixels, as its picture {} has",
                    picture.height,
                    picture.width,
                    path.display()
                ),
                format!("{} x {}", labels.height, labels.width),
                "Each pixel needs its label: give both the same size",
            ));
        }
        Ok((picture, labels))
    }
}
