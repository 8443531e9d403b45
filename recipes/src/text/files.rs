//! A classifier in a folder: `model.safetensors`, `config.json`, `encoder.json`.

use std::path::Path;

use limbeck_engine::Device;
use limbeck_models::Head;
use limbeck_training::files::{read_text, write_folder, write_json};
use limbeck_training::tensors::{self, Tensors};
use limbeck_training::{load_weights, save_weights};
use serde::{Deserialize, Serialize};

use super::{Encoder, TextClassifier};
use crate::config::Model;
use crate::error::{Error, Result};

const FORMAT_VERSION: u32 = 1;
pub(crate) const WEIGHTS: &str = "model.safetensors";
const CONFIG: &str = "config.json";
pub(crate) const ENCODER: &str = "encoder.json";

#[derive(Serialize, Deserialize)]
struct ConfigFile {
    format: String,
    format_version: u32,
    labels: Vec<String>,
    /// Fingerprint of the encoder the weights were trained with, in hexadecimal.
    vocabulary: String,
    projected_layers: Vec<usize>,
    projected_size: usize,
    /// 0 where the embedding is not projected; absent in files from before it could be.
    #[serde(default)]
    projected_embedding_size: usize,
    /// Of a penalised linear model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    c: Option<f64>,
    model: Model,
}

impl TextClassifier {
    /// Writes the classifier into a folder, which appears whole or not at all.
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
        let (projected_layers, projected_size, embedding_size) = match &self.head {
            Head::Pooled => (Vec::new(), 0, None),
            Head::Projected {
                layers,
                size,
                embedding_size,
            } => (layers.clone(), *size, *embedding_size),
        };
        let config = ConfigFile {
            format: "limbeck-classifier".into(),
            format_version: FORMAT_VERSION,
            labels: self.labels.clone(),
            vocabulary: format!("{:016x}", self.encoder.fingerprint().0),
            projected_layers,
            projected_size,
            projected_embedding_size: embedding_size.unwrap_or(0),
            c: self.c,
            model: self.config.clone(),
        };
        if let Some(parent) = folder.parent() {
            std::fs::create_dir_all(parent).map_err(|cause| Error::io("create", parent, cause))?;
        }
        let mut encoder = Ok(());
        write_folder(folder, |partial| {
            write_weights(&partial.join(WEIGHTS))?;
            encoder = self.encoder.save(&partial.join(ENCODER));
            write_json(&partial.join(CONFIG), &config)
        })?;
        Ok(encoder?)
    }

    /// Reads a classifier that [`TextClassifier::save`] wrote, or [`export`](crate::export).
    ///
    /// # Errors
    /// If a file is missing, damaged, of a later version, or the files do not belong together.
    pub fn load(folder: &Path, device: &Device) -> Result<Self> {
        let path = folder.join(CONFIG);
        let config: ConfigFile = serde_json::from_str(&read_text(&path)?)
            .map_err(|error| Error::model(&path, format!("is not a classifier: {error}")))?;
        if config.format_version > FORMAT_VERSION {
            return Err(Error::model(
                &path,
                format!(
                    "was written in format {} by a later version; this one reads up to {FORMAT_VERSION}",
                    config.format_version
                ),
            ));
        }
        let encoder = Encoder::load(&config.model, &folder.join(ENCODER))?;
        let found = format!("{:016x}", encoder.fingerprint().0);
        if found != config.vocabulary {
            return Err(Error::model(
                &folder.join(ENCODER),
                format!(
                    "has vocabulary {found}, but the weights were trained with {}: the files are \
                     of two models",
                    config.vocabulary
                ),
            ));
        }
        let head = match config.projected_layers.as_slice() {
            [] => Head::Pooled,
            layers => Head::Projected {
                layers: layers.to_vec(),
                size: config.projected_size,
                embedding_size: Some(config.projected_embedding_size).filter(|&size| size > 0),
            },
        };
        let mut classifier =
            TextClassifier::new(&config.model, head, encoder, &config.labels, 0, device)?;
        load_weights(classifier.model.parameters_mut(), &folder.join(WEIGHTS))?;
        classifier.c = config.c;
        Ok(classifier)
    }
}
