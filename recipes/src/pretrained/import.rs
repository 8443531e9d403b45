//! `limbeck import`: a folder of ours from a folder of others.

use std::path::{Path, PathBuf};

use limbeck_training::files::{sha256_file, write_folder, write_json};
use limbeck_training::tensors::{self, HostTensor, Tensors, Values};
use serde::Serialize;

use super::folder::{
    CONFIG, ConfigFile, FORMAT, FORMAT_VERSION, Folder, TOKENIZER, WEIGHTS, tokenizer, weight_file,
};
use crate::config::{PretrainedConfig, TransformerPooling};
use crate::error::{Error, Result};

/// How a model is imported.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// What stands for a text; without it, what the folder says.
    pub pooling: Option<TransformerPooling>,
}

/// What was imported.
#[derive(Clone, Debug, Serialize)]
pub struct Imported {
    /// The folder that was written.
    pub folder: PathBuf,
    /// The model.
    pub model: PretrainedConfig,
    /// Number of token ids.
    pub tokens: usize,
    /// Single weights and biases.
    pub parameters: usize,
    /// Parameters, and how many tensors of the file they were made of.
    pub mapped: [usize; 2],
    /// Tensors of the file that are of no use here.
    pub skipped: Vec<String>,
    /// SHA-256 of the file with the weights.
    pub source_sha256: String,
}

/// Reads a Hugging Face folder of the BERT family (or an imported one) and writes one that a run file
/// can name: `config.json`, `model.safetensors`, `encoder.json`. It appears whole or not at all.
///
/// # Errors
/// If the folder is not that of such a model, a file of it is damaged, or `out` cannot be written.
pub fn import(dir: &Path, out: &Path, options: &ImportOptions) -> Result<Imported> {
    if out.exists() {
        let message = "is there already: name a folder that is not, with --out";
        return Err(Error::model(out, message.into()));
    }
    let mut folder = Folder::open(dir)?;
    folder.config.pooling = options.pooling.unwrap_or(folder.config.pooling);
    let mut weights = folder.weights()?;
    let tokenizer = tokenizer(dir, folder.config.encoder.max_positions)?;
    weights.require_tokens(tokenizer.size())?;
    let source_sha256 = sha256_file(&weight_file(dir)?)?;
    let mapped = weights.counts();
    let mut all = Tensors::new();
    for (name, values) in weights.read()? {
        let shape = shape_of(&name, values.len(), &folder.config);
        all.insert(name, HostTensor::new(&shape, Values::F32(values))?);
    }
    let parameters = all.values().map(|tensor| tensor.values().len()).sum();
    let config = ConfigFile {
        format: FORMAT.into(),
        format_version: FORMAT_VERSION,
        source: dir.into(),
        source_sha256: source_sha256.clone(),
        model: folder.config.clone(),
    };
    let mut saved = Ok(());
    write_folder(out, |partial| {
        tensors::write(&partial.join(WEIGHTS), &all)?;
        saved = tokenizer.save(&partial.join(TOKENIZER));
        write_json(&partial.join(CONFIG), &config)
    })?;
    saved?;
    Ok(Imported {
        folder: out.into(),
        model: PretrainedConfig {
            dir: out.into(),
            ..folder.config
        },
        tokens: tokenizer.size(),
        parameters,
        mapped,
        skipped: weights.skipped,
        source_sha256,
    })
}

/// Tables and matrices have rows of one of few widths; all else is a vector.
fn shape_of(name: &str, elements: usize, config: &PretrainedConfig) -> Vec<usize> {
    let sizes = &config.encoder;
    let d = sizes.hidden_size;
    let columns = match name {
        _ if name.ends_with("query_key_value.weight") => 3 * d,
        _ if name.ends_with("feed_forward.in.weight") => sizes.feed_forward_size,
        "embedding.weight" | "positions.weight" => d,
        _ if name.ends_with("attention.output.weight") => d,
        _ if name.ends_with("feed_forward.out.weight") => d,
        _ => return vec![elements],
    };
    vec![elements / columns, columns]
}
