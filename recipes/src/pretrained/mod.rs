//! Pretrained encoders of the BERT family: from the folder of another program to parameters of
//! [`Transformer`](limbeck_models::Transformer).
//!
//! | what they call it | what it is here |
//! |---|---|
//! | position and token type embeddings | `positions.weight`: those of the first type are added to each position, since a text alone has no other; those before the first position of a text (RoBERTa) are left out |
//! | query, key and value | one map, their columns side by side |
//! | matrices `[outputs, inputs]` | `[inputs, outputs]` |
//! | pooler and heads of other tasks | nothing: named as skipped |
//!
//! Every tensor of a file is used, known to be of no use, or refused by name; so is every one that
//! is missing. Shapes are checked before anything is allocated.

mod folder;
mod hub;
mod import;
mod names;
mod weights;

pub use import::{ImportOptions, Imported, import};

use std::path::Path;

use limbeck_models::Classifier;
use limbeck_training::run_folder::DataFile;

use crate::config::{Model, PretrainedConfig};
use crate::error::{Error, Result};
use folder::Folder;

impl PretrainedConfig {
    /// What a folder says of its model: sizes, dropout and pooling. Its weights are not read.
    ///
    /// # Errors
    /// If the folder has no description of a model, or of one of another kind.
    pub fn of_folder(dir: &Path) -> Result<Self> {
        Ok(Folder::open(dir)?.config)
    }
}

/// The tokeniser of a pretrained model; texts have at most `max_length` tokens, and no more than the
/// model has positions.
pub(crate) fn tokenizer(
    config: &PretrainedConfig,
    max_length: usize,
) -> limbeck_data::Result<limbeck_data::tokenize::PretrainedTokenizer> {
    folder::tokenizer(&config.dir, max_length.min(config.encoder.max_positions))
}

/// Weights that fit a model, before it is made.
pub(crate) struct Start {
    weights: weights::Weights,
    frozen: PretrainedConfig,
}

impl Start {
    /// Opens the weights of a folder and holds them against the sizes in the configuration and the
    /// number of tokens.
    ///
    /// # Errors
    /// [`Error::Model`] if they do not fit.
    pub(crate) fn open(config: &PretrainedConfig, tokens: usize) -> Result<Self> {
        let folder = Folder::open(&config.dir)?;
        if folder.config.encoder != config.encoder {
            let message = format!(
                "holds an encoder of other sizes than the run: {:?} here, {:?} there",
                folder.config.encoder, config.encoder
            );
            return Err(Error::model(&config.dir, message));
        }
        let weights = folder.weights()?;
        weights.require_tokens(tokens)?;
        Ok(Start {
            weights,
            frozen: config.clone(),
        })
    }

    /// Puts the weights into a model, and says how each learns. A shape device has no weights.
    ///
    /// # Errors
    /// If the file cannot be read, or the device failed.
    pub(crate) fn apply(mut self, model: &mut dyn Classifier) -> Result<()> {
        let config = &self.frozen;
        for record in model.parameters_mut().records_mut() {
            let Some(height) = height_of(&record.name, config.encoder.layers) else {
                continue;
            };
            let below = (config.encoder.layers - height) as i32;
            record.learning_rate_scale = config.layer_decay.powi(below) as f32;
            record.frozen = match height {
                0 => config.frozen_embeddings,
                layer => layer <= config.frozen_layers,
            };
        }
        if model.device().is_shapes() {
            return Ok(());
        }
        let store = model.parameters_mut();
        let mut values = self.weights.read()?;
        for (name, _, drawn) in store.read()? {
            // The classifier and what it reads the layers through keep their first values.
            values.entry(name).or_insert(drawn);
        }
        Ok(store.load(&values)?)
    }
}

/// The layer a parameter belongs to, counted from 1; 0 for the embeddings, none for the head.
fn height_of(name: &str, layers: usize) -> Option<usize> {
    if ["embedding.", "positions.", "norm."]
        .iter()
        .any(|part| name.starts_with(part))
    {
        return Some(0);
    }
    let index: usize = name
        .strip_prefix("layers.")?
        .split('.')
        .next()?
        .parse()
        .ok()?;
    (index < layers).then_some(index + 1)
}

/// The files with the weights of those models that are pretrained, and with word vectors, to be recorded with a run.
///
/// # Errors
/// If one is missing or cannot be read.
pub fn weight_files<'a>(
    models: impl IntoIterator<Item = (&'a str, &'a Model)>,
) -> Result<Vec<DataFile>> {
    let file = |(name, model): (&str, &Model)| match model {
        Model::Pretrained(config) => Some(
            folder::weight_file(&config.dir).and_then(|path| Ok(DataFile::measure(name, &path)?)),
        ),
        Model::TextCnn(config) if !config.embeddings.as_os_str().is_empty() => {
            let role = format!("{name} embeddings");
            Some(DataFile::measure(&role, &config.embeddings).map_err(Error::from))
        }
        _ => None,
    };
    models.into_iter().filter_map(file).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_know_their_height() {
        for (name, height) in [
            ("embedding.weight", Some(0)),
            ("positions.weight", Some(0)),
            ("norm.bias", Some(0)),
            ("layers.0.attention.norm.weight", Some(1)),
            ("layers.5.feed_forward.in.bias", Some(6)),
            ("classifier.weight", None),
            ("projections.0.weight", None),
            ("embedding_projection.weight", None),
        ] {
            assert_eq!(height_of(name, 6), height, "{name}");
        }
    }
}
