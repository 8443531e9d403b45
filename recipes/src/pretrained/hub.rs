//! What `config.json` of a Hugging Face folder says.

use std::path::Path;

use limbeck_training::files::read_text;
use serde_json::Value;

use super::names::Family;
use crate::config::{PretrainedActivation, PretrainedConfig, PretrainedSizes, TransformerPooling};
use crate::error::{Error, Result};

/// More layers than any encoder has.
const MOST_LAYERS: usize = 1000;

/// What a configuration says, and how the tensors are named.
pub(super) fn read(dir: &Path, path: &Path, json: &Value) -> Result<(PretrainedConfig, Family)> {
    let fields = Fields { path, json };
    let kind = json["model_type"].as_str().unwrap_or("none");
    let family = match kind {
        "bert" => Family::BERT,
        "roberta" | "xlm-roberta" | "camembert" => {
            Family::roberta(fields.number_or("pad_token_id", 1)? + 1)
        }
        "distilbert" => Family::DISTILBERT,
        other => {
            return Err(fields.refuse(format!(
                "`model_type` is \"{other}\"; expected \"bert\" (BERT and MiniLM), \"roberta\", \
                 \"xlm-roberta\", \"camembert\" or \"distilbert\""
            )));
        }
    };
    if let Some(kind) = json["position_embedding_type"]
        .as_str()
        .filter(|k| *k != "absolute")
    {
        let message = format!("`position_embedding_type` is \"{kind}\"; expected \"absolute\"");
        return Err(fields.refuse(message));
    }
    let of = |names: [&'static str; 2]| names[usize::from(kind == "distilbert")];
    let positions = fields.size("max_position_embeddings")?;
    let sizes = PretrainedSizes {
        hidden_size: fields.size(of(["hidden_size", "dim"]))?,
        layers: fields.size(of(["num_hidden_layers", "n_layers"]))?,
        heads: fields.size(of(["num_attention_heads", "n_heads"]))?,
        feed_forward_size: fields.size(of(["intermediate_size", "hidden_dim"]))?,
        max_positions: positions.saturating_sub(family.offset()),
        norm_epsilon: fields.share("layer_norm_eps", 1e-12)?,
        activation: fields.activation(of(["hidden_act", "activation"]))?,
    };
    check(path, &sizes)?;
    let config = PretrainedConfig {
        dir: dir.into(),
        pooling: pooling(dir)?,
        dropout: fields.share(of(["hidden_dropout_prob", "dropout"]), 0.1)?,
        attention_dropout: fields.share(
            of(["attention_probs_dropout_prob", "attention_dropout"]),
            0.1,
        )?,
        encoder: sizes,
        ..PretrainedConfig::default()
    };
    Ok((config, family))
}

/// Models of sentences say in a file of their own how their vectors are made; others are read by
/// the mean.
fn pooling(dir: &Path) -> Result<TransformerPooling> {
    let path = dir.join("1_Pooling").join("config.json");
    if !path.exists() {
        return Ok(TransformerPooling::Mean);
    }
    let json: Value = serde_json::from_str(&read_text(&path)?)
        .map_err(|error| Error::model(&path, format!("expected JSON: {error}")))?;
    Ok(match json["pooling_mode_cls_token"].as_bool() {
        Some(true) => TransformerPooling::First,
        _ => TransformerPooling::Mean,
    })
}

struct Fields<'a> {
    path: &'a Path,
    json: &'a Value,
}

impl Fields<'_> {
    fn refuse(&self, message: String) -> Error {
        Error::model(self.path, message)
    }

    fn size(&self, name: &str) -> Result<usize> {
        let number = self.json[name]
            .as_u64()
            .and_then(|n| usize::try_from(n).ok());
        number.filter(|&n| n > 0).ok_or_else(|| {
            self.refuse(format!(
                "`{name}`: expected a whole number of at least 1, found {}",
                self.json[name]
            ))
        })
    }

    /// A whole number that may be left out.
    fn number_or(&self, name: &str, default: usize) -> Result<usize> {
        match &self.json[name] {
            Value::Null => Ok(default),
            value => value
                .as_u64()
                .filter(|&n| n <= 1000)
                .map(|n| n as usize)
                .ok_or_else(|| {
                    self.refuse(format!(
                        "`{name}`: expected a number up to 1000, found {value}"
                    ))
                }),
        }
    }

    /// A number from 0 to below 1 that may be left out.
    fn share(&self, name: &str, default: f64) -> Result<f64> {
        match &self.json[name] {
            Value::Null => Ok(default),
            value => value
                .as_f64()
                .filter(|n| (0.0..1.0).contains(n))
                .ok_or_else(|| {
                    self.refuse(format!(
                        "`{name}`: expected a number from 0 to below 1, found {value}"
                    ))
                }),
        }
    }

    fn activation(&self, name: &str) -> Result<PretrainedActivation> {
        match self.json[name].as_str().unwrap_or("gelu") {
            "gelu" => Ok(PretrainedActivation::Gelu),
            "gelu_new" | "gelu_pytorch_tanh" => Ok(PretrainedActivation::GeluTanh),
            "relu" => Ok(PretrainedActivation::Relu),
            other => Err(self.refuse(format!(
                "`{name}` is \"{other}\"; expected \"gelu\", \"gelu_new\", \"gelu_pytorch_tanh\" or \"relu\""
            ))),
        }
    }
}

/// Refuses sizes that no encoder has, before anything is made of them.
pub(super) fn check(path: &Path, sizes: &PretrainedSizes) -> Result<()> {
    let faults = [
        (
            sizes.layers > MOST_LAYERS,
            format!("at most {MOST_LAYERS} layers, found {}", sizes.layers),
        ),
        (
            !sizes.hidden_size.is_multiple_of(sizes.heads),
            format!(
                "heads that divide the width {}, found {}",
                sizes.hidden_size, sizes.heads
            ),
        ),
        (
            sizes.max_positions == 0,
            "positions for at least one token".into(),
        ),
        (
            !(sizes.norm_epsilon > 0.0 && sizes.norm_epsilon < 1.0),
            "`layer_norm_eps` between 0 and 1".into(),
        ),
    ];
    match faults.into_iter().find(|(wrong, _)| *wrong) {
        Some((_, expected)) => Err(Error::model(path, format!("expected {expected}"))),
        None => Ok(()),
    }
}
