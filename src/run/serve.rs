//! `predict` and `eval`: using a finished model.

use std::path::{Path, PathBuf};

use limbeck_data::read::{Columns, Format, ReadOptions, load_labelled};
use limbeck_engine::Device;
use limbeck_recipes::relay::evaluate_tagger;
use limbeck_recipes::text::TextClassifier;
use limbeck_training::run_folder::{Metrics, RunPaths};

use super::{Error, Result};

/// The classifier in a run folder or in a folder of its own. A run has one model (`train`) or
/// several (`distill`), of which `name` chooses one; without a name the student.
///
/// # Errors
/// If there is no such model, or its files are damaged.
pub fn load_classifier(
    folder: &Path,
    name: Option<&str>,
    device: &Device,
) -> Result<TextClassifier> {
    let folder = find_model(folder, name, &["student", "model"])?;
    Ok(TextClassifier::load(&folder, device)?)
}

/// The folder of a model; `usual` are the names to look for where none is given.
pub(super) fn find_model(folder: &Path, name: Option<&str>, usual: &[&str]) -> Result<PathBuf> {
    if folder.join("config.json").exists() {
        return Ok(folder.to_path_buf());
    }
    let models = RunPaths::new(folder).model();
    let candidates = match name {
        Some(name) => vec![name],
        None => usual.to_vec(),
    };
    let found = candidates
        .iter()
        .map(|name| models.join(name))
        .find(|path| path.exists());
    found.ok_or_else(|| {
        let list = std::fs::read_dir(&models).map(|entries| {
            let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
            let mut names: Vec<String> = names.collect();
            names.sort();
            names.join(", ")
        });
        Error::Usage(match list {
            Ok(names) => format!(
                "{} has no finished model \"{}\"; it has: {names}",
                folder.display(),
                candidates[0]
            ),
            Err(_) => format!(
                "{} is neither a run folder with a finished model nor a model's folder",
                folder.display()
            ),
        })
    })
}

/// Quality of a classifier on a labelled file.
///
/// # Errors
/// If the file is wrong, or names a class that the classifier does not know.
pub fn evaluate(classifier: &TextClassifier, path: &Path) -> Result<Metrics> {
    if classifier.is_tagger() {
        return Ok(evaluate_tagger(classifier, path)?);
    }
    if classifier.reads_pictures() || classifier.reads_speech() {
        let message = "pictures and speech are judged by the run that trains the model: name other data \
                       there with -s data.test=..., or ask the model with limbeck predict";
        return Err(Error::Usage(message.into()));
    }
    let options = ReadOptions::with_columns(Columns::label_text(Format::of(path)));
    let (set, _) = load_labelled(path, &options, classifier.labels())?;
    let (quality, _) = classifier.quality(&set, &[])?;
    Ok(classifier.with_cost(quality, &set.texts)?)
}
