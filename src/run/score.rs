//! `score`: a model's scores of texts.

use std::path::Path;

use limbeck_data::read::{Columns, Format, ReadOptions, read_records};
use limbeck_engine::Device;
use limbeck_recipes::RunData;
use limbeck_recipes::config::{self, Override, Run};
use limbeck_recipes::scores::{ScoreFile, Shard, score, texts_of};
use limbeck_recipes::text::TextClassifier;
use limbeck_training::files::sha256_file;
use limbeck_training::run_folder::RunPaths;

use super::serve::find_model;
use super::{Error, Result};

/// Which model is to score which texts.
#[derive(Clone, Copy, Debug)]
pub struct ScoreJob<'a> {
    /// A run folder, or a model's folder.
    pub run: &'a Path,
    /// The model of the run; without a name the teacher, or the only one.
    pub model: Option<&'a str>,
    /// A file of texts; without it, all texts of the run.
    pub data: Option<&'a Path>,
    /// Whether that file has no labels.
    pub unlabelled: bool,
    /// The part of the texts.
    pub shard: Option<Shard>,
    /// What overrides the run file, where the texts are those of the run.
    pub overrides: &'a [Override],
}

impl ScoreJob<'_> {
    /// Scores the texts.
    ///
    /// # Errors
    /// If there is no such model or file, or something is wrong with them.
    pub fn score(&self, device: &Device) -> Result<ScoreFile> {
        let folder = find_model(self.run, self.model, &["teacher", "model", "student"])?;
        let classifier = TextClassifier::load(&folder, device)?;
        let teacher = sha256_file(&folder.join("model.safetensors"))?;
        let texts = match self.data {
            Some(path) => self.texts(path)?,
            None => texts_to_score(self.run, self.overrides)?,
        };
        Ok(score(&classifier, &texts, self.shard, teacher)?)
    }

    fn texts(&self, path: &Path) -> Result<Vec<String>> {
        let format = Format::of(path);
        let columns = match self.unlabelled {
            true => Columns::text_only(format),
            false => Columns::label_text(format),
        };
        let (records, _) = read_records(path, &ReadOptions::with_columns(columns))?;
        Ok(records.into_iter().map(|record| record.text).collect())
    }
}

/// All texts that a teacher of a run may be asked about; the run is a run file or a run folder.
///
/// # Errors
/// If the run or its data are wrong, or its task has no texts to list.
pub fn texts_to_score(run: &Path, overrides: &[Override]) -> Result<Vec<String>> {
    let paths = RunPaths::new(run);
    let file = match run.is_dir() {
        true => paths.config(),
        false => run.to_path_buf(),
    };
    if !file.exists() {
        return Err(Error::Usage(format!(
            "{} is neither a run folder nor a run file: name the file of the texts",
            run.display()
        )));
    }
    let mut run: Run = config::load(&file, overrides)?;
    if let Run::Layerwise(run) = &mut run
        && run.pairs.translations.as_os_str().is_empty()
        && paths.translations().exists()
    {
        // A program that translates is not asked again.
        run.pairs.translations = paths.translations();
    }
    let Some(data) = run.data() else {
        return Err(Error::Usage(format!(
            "{}: a language model has no labelled texts",
            file.display()
        )));
    };
    let data = RunData::read(data, run.seed())?;
    Ok(texts_of(&run, &data)?)
}
