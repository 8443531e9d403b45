//! `limbeck predict` of pictures and of speech: a line of input is the path of a file.

use std::path::{Path, PathBuf};

use limbeck_data::pictures::{LabelPicture, read_picture, write_grey};
use limbeck_data::speech::read_wav;
use limbeck_recipes::text::TextClassifier;
use serde_json::json;

use crate::run::{Error, Result};

/// A line for each file: of pictures the share of every class, of speech the words. With a folder, the
/// classes of a picture's pixels are written there as shades of grey, under the picture's name.
pub(super) fn answers(
    classifier: &TextClassifier,
    paths: &[String],
    (as_json, folder): (bool, Option<&Path>),
) -> Result<Vec<String>> {
    let answer = |path: &String| match classifier.reads_pictures() {
        true => picture(classifier, path, (as_json, folder)),
        false => speech(classifier, path, as_json),
    };
    paths.iter().map(answer).collect()
}

fn picture(
    classifier: &TextClassifier,
    path: &str,
    (as_json, folder): (bool, Option<&Path>),
) -> Result<String> {
    let labels = classifier.segment(&read_picture(Path::new(path))?);
    let labels = labels.map_err(|error| unreadable(path, &error))?;
    let written = folder
        .map(|folder| write(folder, path, &labels, classifier.labels().len()))
        .transpose()?;
    let pixels = labels.labels.len().max(1) as f64;
    let share = |class: usize| {
        let own = labels.labels.iter().filter(|&&l| l as usize == class);
        own.count() as f64 / pixels
    };
    let shares = classifier.labels().iter().enumerate();
    Ok(match as_json {
        true => {
            let shares: serde_json::Map<_, _> = shares
                .map(|(class, name)| (name.clone(), json!(share(class))))
                .collect();
            json!({ "file": path, "shares": shares, "labels": written }).to_string()
        }
        false => {
            let shares = shares.map(|(class, name)| format!("\t{name} {:.4}", share(class)));
            format!("{path}{}", shares.collect::<String>())
        }
    })
}

fn write(folder: &Path, path: &str, labels: &LabelPicture, classes: usize) -> Result<PathBuf> {
    let name = Path::new(path)
        .file_name()
        .ok_or_else(|| Error::Usage(format!("expected the path of a picture, found \"{path}\"")))?;
    let into = folder.join(name);
    if into.exists() {
        let message = format!("{} exists already: name another folder", into.display());
        return Err(Error::Usage(message));
    }
    std::fs::create_dir_all(folder).map_err(|cause| Error::Io {
        action: "create",
        path: folder.into(),
        cause,
    })?;
    let shade = |&class: &u32| (class as usize * 255 / (classes - 1).max(1)) as u8;
    let values: Vec<u8> = labels.labels.iter().map(shade).collect();
    write_grey(&into, labels.height, labels.width, &values)?;
    Ok(into)
}

/// What the model cannot make of a file.
fn unreadable(path: &str, error: &dyn std::fmt::Display) -> Error {
    Error::Usage(format!("{path}: {error}"))
}

fn speech(classifier: &TextClassifier, path: &str, as_json: bool) -> Result<String> {
    let words = classifier.transcribe(&read_wav(Path::new(path))?);
    let words = words.map_err(|error| unreadable(path, &error))?;
    Ok(match as_json {
        true => json!({ "file": path, "words": words }).to_string(),
        false => format!("{path}\t{}", words.join(" ")),
    })
}
