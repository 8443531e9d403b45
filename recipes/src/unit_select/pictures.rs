//! Pictures whose every pixel has a label.

use limbeck_data::DataError;
use limbeck_data::pictures::{LabelMap, PictureFolderOptions, PictureSet, read_picture_folder};
use limbeck_data::split::{dev_split, labelled_split};
use limbeck_training::run_folder::DataFile;

use super::data::{UnitData, UnitPart, UnitTask, alike, in_section};
use crate::config::{DataConfig, PicturesConfig};
use crate::error::Result;

/// Reads the pictures of a run.
pub(super) fn read(config: &DataConfig, seed: u64, with_test: bool) -> Result<UnitData> {
    let pictures = config.pictures.clone().unwrap_or_default();
    let label_map = label_map(&pictures)?;
    let classes = label_map.classes().to_vec();
    let class = |key: &str, name: &str| {
        let place = classes.iter().position(|class| class == name);
        place.map(|place| place as u32).ok_or_else(|| {
            let wanted = format!("one of the classes {}", classes.join(", "));
            DataError::option(key, wanted, format!("\"{name}\""))
        })
    };
    let foreground = match pictures.foreground.as_str() {
        "" => 0,
        name => class("data.pictures.foreground", name)?,
    };
    let objects = match pictures.objects.as_str() {
        "" => None,
        name => Some(class("data.pictures.objects", name)?),
    };
    let options = PictureFolderOptions {
        folder: config.dir.clone(),
        images: pictures.images.clone(),
        labels: pictures.labels.clone(),
        label_map,
        train: config.train.clone(),
        dev: config.dev.clone(),
        test: match with_test {
            true => config.test.clone(),
            false => String::new(),
        },
    };
    let folder = read_picture_folder(&options).map_err(in_section("data"))?;
    let files = files(config, &pictures, &folder.train, &folder.dev, &folder.test)?;
    let everything = alike(folder.train.names.clone());
    let train = UnitPart::Pictures(folder.train);
    let (rest, dev) = match folder.dev.names.is_empty() {
        false => ((0..train.len()).collect(), UnitPart::Pictures(folder.dev)),
        true => {
            let split = dev_split(&everything, config.dev_fraction, config.split_seed)?;
            (split.rest, train.select(&split.taken))
        }
    };
    let kept = labelled_split(&everything, &rest, config.labelled_fraction, seed)?;
    let train = train.select(&kept.taken);
    let UnitPart::Pictures(set) = &train else {
        unreachable!("a selection of pictures is pictures")
    };
    alike_in_size(set, pictures.crop)?;
    let report = report(&train, &dev, &folder.test, set);
    Ok(UnitData {
        task: UnitTask::Pixels {
            foreground,
            objects,
        },
        classes,
        train,
        dev,
        test: with_test.then_some(UnitPart::Pictures(folder.test)),
        files,
        report,
    })
}

/// What `"0 = membrane"` and its like say.
fn label_map(pictures: &PicturesConfig) -> Result<LabelMap> {
    let mut values = Vec::new();
    for entry in &pictures.values {
        let parts = entry.split_once('=');
        let parsed = parts.and_then(|(value, name)| {
            let name = name.trim();
            Some((value.trim().parse().ok()?, name.to_string())).filter(|_| !name.is_empty())
        });
        values.push(parsed.ok_or_else(|| {
            let wanted = "a value from 0 to 65535 and a name, such as \"0 = membrane\"";
            DataError::option("data.pictures.values", wanted, format!("\"{entry}\""))
        })?);
    }
    let map = LabelMap::new(values, pictures.ignored.iter().copied());
    Ok(map.map_err(in_section("data.pictures"))?)
}

/// The parts that updates read must have one size.
fn alike_in_size(set: &PictureSet, crop: usize) -> Result<()> {
    let Some(first) = set.pictures.first() else {
        return Ok(());
    };
    for (picture, name) in set.pictures.iter().zip(&set.names) {
        let size = format!("{} x {}", picture.height, picture.width);
        if crop == 0 && (picture.height, picture.width) != (first.height, first.width) {
            let wanted = format!(
                "the side of a square that is in all pictures, since they differ in size ({} is {} x \
                 {})",
                set.names[0], first.height, first.width
            );
            let found = format!("0 (whole pictures), and {name} is {size}");
            return Err(DataError::option("data.pictures.crop", wanted, found).into());
        }
        if picture.height < crop || picture.width < crop {
            let wanted = "at most the height and width of every training picture";
            let found = format!("{crop}, and {name} is {size}");
            return Err(DataError::option("data.pictures.crop", wanted, found).into());
        }
        if picture.channels != first.channels {
            let wanted = "pictures that are all grey or all in colour";
            let found = format!(
                "{} with {} channels and {name} with {}",
                set.names[0], first.channels, picture.channels
            );
            return Err(DataError::option("data.pictures.images", wanted, found).into());
        }
    }
    Ok(())
}

fn files(
    config: &DataConfig,
    pictures: &PicturesConfig,
    train: &PictureSet,
    dev: &PictureSet,
    test: &PictureSet,
) -> Result<Vec<DataFile>> {
    let mut files = Vec::new();
    let path_of = |folder: &str, name: &str| {
        let folder = config.dir.join(folder);
        // The ending may be in capitals.
        let endings = ["png", "PNG", "Png"].map(|ending| folder.join(format!("{name}.{ending}")));
        let found = endings.iter().find(|path| path.exists());
        found.unwrap_or(&endings[0]).clone()
    };
    for (role, set) in [("train", train), ("dev", dev), ("test", test)] {
        for name in &set.names {
            for folder in [&pictures.images, &pictures.labels] {
                files.push(DataFile::measure(role, &path_of(folder, name))?);
            }
        }
    }
    Ok(files)
}

fn report(train: &UnitPart, dev: &UnitPart, test: &PictureSet, read: &PictureSet) -> String {
    let mut report = format!(
        "pictures: {} train, {} dev, {} test\n",
        train.len(),
        dev.len(),
        test.names.len()
    );
    let labels = read.labels.iter().flat_map(|picture| &picture.labels);
    let without = labels
        .filter(|&&label| label == limbeck_losses::NO_TRUTH)
        .count();
    if without > 0 {
        report += &format!("{without} training pixels have no label and count in no loss\n");
    }
    report
}
