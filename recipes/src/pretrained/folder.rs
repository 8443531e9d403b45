//! A folder with a pretrained model: one of Hugging Face, or one that was imported.

use std::path::{Path, PathBuf};

use limbeck_data::DataError;
use limbeck_data::tokenize::PretrainedTokenizer;
use limbeck_training::files::read_text;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::hub;
use super::names::{self, Family, TOKENS};
use super::weights::Weights;
use crate::config::PretrainedConfig;
use crate::error::{Error, Result};

pub(super) const WEIGHTS: &str = "model.safetensors";
pub(super) const CONFIG: &str = "config.json";
pub(super) const TOKENIZER: &str = "encoder.json";
pub(super) const FORMAT: &str = "limbeck-encoder";
pub(super) const FORMAT_VERSION: u32 = 1;

/// `config.json` of an imported folder.
#[derive(Serialize, Deserialize)]
pub(super) struct ConfigFile {
    pub(super) format: String,
    pub(super) format_version: u32,
    /// Where it was imported from.
    pub(super) source: PathBuf,
    /// SHA-256 of the file with the weights there.
    pub(super) source_sha256: String,
    pub(super) model: PretrainedConfig,
}

/// A folder and what it says of its model.
pub(super) struct Folder {
    pub(super) dir: PathBuf,
    pub(super) config: PretrainedConfig,
    /// How tensors are named; none where the names are ours.
    family: Option<Family>,
}

impl Folder {
    pub(super) fn open(dir: &Path) -> Result<Self> {
        let path = dir.join(CONFIG);
        if !path.exists() {
            let message = "expected the folder of a pretrained model, with config.json, \
                           model.safetensors or pytorch_model.bin, and tokenizer.json or \
                           vocab.txt; there is no config.json in it";
            return Err(Error::model(dir, message.into()));
        }
        let broken =
            |error| Error::model(&path, format!("expected a description of a model: {error}"));
        let json: Value = serde_json::from_str(&read_text(&path)?).map_err(broken)?;
        let (config, family) = match json["format"] == FORMAT {
            false => {
                let (config, family) = hub::read(dir, &path, &json)?;
                (config, Some(family))
            }
            true => {
                let file: ConfigFile = serde_json::from_value(json).map_err(broken)?;
                if file.format_version > FORMAT_VERSION {
                    let message = format!(
                        "was written in format {} by a later version; this one reads up to \
                         {FORMAT_VERSION}",
                        file.format_version
                    );
                    return Err(Error::model(&path, message));
                }
                hub::check(&path, &file.model.encoder)?;
                (file.model, None)
            }
        };
        let config = PretrainedConfig {
            dir: dir.into(),
            ..config
        };
        Ok(Folder {
            dir: dir.into(),
            config,
            family,
        })
    }

    /// The weights, opened and checked, but not read.
    pub(super) fn weights(&self) -> Result<Weights> {
        let path = weight_file(&self.dir)?;
        let sizes = &self.config.encoder;
        match &self.family {
            Some(family) => Weights::open(&path, family.wanted(sizes), TOKENS),
            None => Weights::open(&path, names::imported(sizes), "embedding.weight"),
        }
    }
}

/// The file with the weights of a folder.
pub(super) fn weight_file(dir: &Path) -> Result<PathBuf> {
    let files = [WEIGHTS, "pytorch_model.bin"].map(|name| dir.join(name));
    files.into_iter().find(|path| path.exists()).ok_or_else(|| {
        let message = "expected model.safetensors or pytorch_model.bin, in one piece; neither is \
                       in the folder";
        Error::model(dir, message.into())
    })
}

/// The tokeniser of a folder.
pub(super) fn tokenizer(
    dir: &Path,
    max_length: usize,
) -> limbeck_data::Result<PretrainedTokenizer> {
    if dir.as_os_str().is_empty() {
        let expected = "the folder of a pretrained model";
        return Err(DataError::option("dir", expected, "none"));
    }
    let imported = dir.join(TOKENIZER);
    match imported.exists() {
        true => PretrainedTokenizer::load(&imported, Some(max_length)),
        false => PretrainedTokenizer::read(dir, max_length),
    }
}
