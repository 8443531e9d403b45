//! A language model in a folder: `model.safetensors`, `config.json`, `vocabulary.json`.

use std::path::Path;

use limbeck_data::language::LanguageVocabulary;
use limbeck_engine::Device;
use limbeck_models::language::LanguageModel;
use limbeck_training::files::{read_text, write_folder, write_json};
use limbeck_training::tensors::{self, Tensors};
use limbeck_training::{load_weights, save_weights};
use serde::{Deserialize, Serialize};

use super::noise::NoiseLaw;
use super::options::{NceLmOptions, OutputBias};
use crate::config::RecurrentConfig;
use crate::error::{Error, Result};

const FORMAT: &str = "limbeck-language-model";
const FORMAT_VERSION: u32 = 1;
const WEIGHTS: &str = "model.safetensors";
const CONFIG: &str = "config.json";
pub(crate) const VOCABULARY: &str = "vocabulary.json";

#[derive(Serialize, Deserialize)]
struct ConfigFile {
    format: String,
    format_version: u32,
    /// Fingerprint of the vocabulary the weights were trained with, in hexadecimal.
    vocabulary: String,
    model: RecurrentConfig,
    /// Of these the scores' normaliser and the biases' beginning belong to the model.
    method: NceLmOptions,
}

/// A vocabulary and a model that belong together.
pub struct TextGenerator {
    vocabulary: LanguageVocabulary,
    model: LanguageModel,
    config: RecurrentConfig,
    method: NceLmOptions,
}

impl TextGenerator {
    /// A model with random weights.
    ///
    /// # Errors
    /// If the sizes contradict each other, or the device cannot hold them.
    pub fn new(
        vocabulary: LanguageVocabulary,
        config: &RecurrentConfig,
        method: &NceLmOptions,
        law: &NoiseLaw,
        row_sparse: bool,
        seed: u64,
        device: &Device,
    ) -> Result<Self> {
        let bias = match method.output_bias {
            OutputBias::Noise => law.all_ln_q().iter().map(|&q| f64::from(q)).collect(),
            OutputBias::Zero => vec![0.0; vocabulary.len()],
        };
        let words = (vocabulary.len(), vocabulary.fingerprint());
        let model =
            LanguageModel::new(config.model(words, method, row_sparse), bias, seed, device)?;
        Ok(TextGenerator {
            vocabulary,
            model,
            config: config.clone(),
            method: method.clone(),
        })
    }

    /// Its words.
    pub fn vocabulary(&self) -> &LanguageVocabulary {
        &self.vocabulary
    }

    /// The model.
    pub fn model(&self) -> &LanguageModel {
        &self.model
    }

    /// The model, to train.
    pub fn model_mut(&mut self) -> &mut LanguageModel {
        &mut self.model
    }

    /// Its architecture.
    pub fn config(&self) -> &RecurrentConfig {
        &self.config
    }

    /// Whether a folder holds a language model.
    pub fn is_in(folder: &Path) -> bool {
        folder.join(VOCABULARY).exists()
    }

    /// Writes vocabulary and model into a folder, which appears whole or not at all.
    ///
    /// # Errors
    /// If the disk refuses, or the GPU failed.
    pub fn save(&self, folder: &Path) -> Result<()> {
        self.save_with(folder, |path| save_weights(self.model.parameters(), path))
    }

    /// The same with the weights in these tensors.
    pub(crate) fn save_tensors(&self, folder: &Path, weights: &Tensors) -> Result<()> {
        self.save_with(folder, |path| tensors::write(path, weights))
    }

    fn save_with(
        &self,
        folder: &Path,
        write_weights: impl Fn(&Path) -> limbeck_training::Result<()>,
    ) -> Result<()> {
        let config = ConfigFile {
            format: FORMAT.into(),
            format_version: FORMAT_VERSION,
            vocabulary: format!("{:016x}", self.vocabulary.fingerprint().0),
            model: self.config.clone(),
            method: self.method.clone(),
        };
        if let Some(parent) = folder.parent() {
            std::fs::create_dir_all(parent).map_err(|cause| Error::io("create", parent, cause))?;
        }
        let mut vocabulary = Ok(());
        write_folder(folder, |partial| {
            write_weights(&partial.join(WEIGHTS))?;
            vocabulary = self.vocabulary.save(&partial.join(VOCABULARY));
            write_json(&partial.join(CONFIG), &config)
        })?;
        Ok(vocabulary?)
    }

    /// Reads what [`TextGenerator::save`] wrote.
    ///
    /// # Errors
    /// If a file is missing, damaged, of a later version, or the files do not belong together.
    pub fn load(folder: &Path, device: &Device) -> Result<Self> {
        let path = folder.join(CONFIG);
        let config: ConfigFile = serde_json::from_str(&read_text(&path)?)
            .map_err(|error| Error::model(&path, format!("is not a language model: {error}")))?;
        if config.format != FORMAT || config.format_version > FORMAT_VERSION {
            let message = format!(
                "was written in format {} {}; this version reads {FORMAT} up to {FORMAT_VERSION}",
                config.format, config.format_version
            );
            return Err(Error::model(&path, message));
        }
        let vocabulary = LanguageVocabulary::load(&folder.join(VOCABULARY))?;
        let found = format!("{:016x}", vocabulary.fingerprint().0);
        if found != config.vocabulary {
            let message = format!(
                "has vocabulary {found}, but the weights were trained with {}: the files are of \
                 two models",
                config.vocabulary
            );
            return Err(Error::model(&folder.join(VOCABULARY), message));
        }
        let words = (vocabulary.len(), vocabulary.fingerprint());
        let bias = vec![0.0; vocabulary.len()];
        let sizes = config.model.model(words, &config.method, false);
        let mut model = LanguageModel::new(sizes, bias, 0, device)?;
        load_weights(model.parameters_mut(), &folder.join(WEIGHTS))?;
        Ok(TextGenerator {
            vocabulary,
            model,
            config: config.model,
            method: config.method,
        })
    }
}
