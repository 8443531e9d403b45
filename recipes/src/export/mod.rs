//! Finished models for others to use: ONNX for other runtimes, and folders with weights of 8 bits.
//!
//! **ONNX.** A file `model.onnx`, or one of another name, with the tokeniser beside it. Ids are whole
//! numbers of 64 bits, masks have 1 where there is a token and 0 behind the end of a text:
//!
//! | model | inputs | outputs |
//! |---|---|---|
//! | classifier | `input_ids`, `attention_mask` `[batch, sequence]` | `logits` `[batch, classes]` |
//! | tagger | `word_ids`, `shape_ids`, `attention_mask` `[batch, sequence]`, `letter_ids`, `letter_mask` `[batch, sequence, letters]` | `logits` `[batch, sequence, tags]`; with a CRF `transitions` `[tags + 2, tags]` |
//! | language model | `input_ids` `[batch, sequence]`, `h` and (LSTM) `c` `[layers, batch, hidden]` | `logits` `[batch, sequence, words]`, `h_out`, `c_out` |
//!
//! Its metadata say the rest: `task`, `labels` (a JSON list), `tokenizer` (the file beside it),
//! `max_length`, `weights` (`f32` or `int8`), of a tagger `scheme`, of a language model `begin`, the id
//! that stands before a text, and `ln_z`.
//!
//! **safetensors.** The folder of a model: `model.safetensors` with every parameter under its name and
//! shape (those that `limbeck check` lists; a map has its weights as `[in, out]`), `config.json` with
//! the labels, `encoder.json` or `vocabulary.json`. [`TextClassifier::load`] reads it.
//!
//! With `int8` matrices are rounded (see [`limbeck_training::quantise`]): a tensor of I8 with `.scale`
//! beside it, in ONNX behind `DequantizeLinear`. Sums are computed in f32 as before; onnxruntime by itself
//! rounds the other factor too, and scores move in the third digit, unless the session's option
//! `session.qdq_matmulnbits_accuracy_level` is `1`.

mod onnx;
mod weights;

use std::path::{Path, PathBuf};

use limbeck_engine::Tape;
use limbeck_training::files::{write_atomic, write_folder};
use limbeck_training::quantise::Channels;
use serde::{Deserialize, Serialize};

use crate::config::Model;
use crate::error::{Error, Result};
use crate::nce_lm::{TextGenerator, VOCABULARY};
use crate::text::{ENCODER, Encoder, Form, TextClassifier, WEIGHTS};
use weights::Weights;

/// The name of the graph in a folder.
const GRAPH: &str = "model.onnx";

/// What to export to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A graph for other runtimes.
    Onnx,
    /// A folder that this project reads.
    Safetensors,
}

/// How a model is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportOptions {
    /// What to.
    pub target: Target,
    /// Whether matrices have 8 bits a weight.
    pub int8: bool,
}

/// What was exported.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Exported {
    /// The files that were written.
    pub files: Vec<PathBuf>,
    /// Single weights and biases.
    pub parameters: usize,
    /// Bytes of the weights in f32.
    pub bytes_f32: u64,
    /// Bytes of the weights as they were exported.
    pub bytes: u64,
}

/// Exports a classifier or tagger to `out`: a new folder, or with ONNX a new file `NAME.onnx`, beside
/// which the tokeniser is `NAME.encoder.json`.
///
/// # Errors
/// If `out` is there already or cannot be written, or there is no such form of the model: the message
/// lists what can be exported.
pub fn export_classifier(
    classifier: &TextClassifier,
    out: &Path,
    options: ExportOptions,
) -> Result<Exported> {
    if classifier.reads_pictures() || classifier.reads_speech() {
        return Err(onnx::not_offered("a model of pictures or speech"));
    }
    let weights = weights_of(classifier, options.int8)?;
    let parameters = classifier.model().parameters().parameters();
    let place = Place::new(out, options.target, ENCODER)?;
    if options.target == Target::Safetensors {
        classifier.save_tensors(out, &weights.tensors()?)?;
        return Ok(place.exported(&weights, parameters));
    }
    let labels = classifier.labels();
    let graph = onnx::classifier(
        (classifier.config(), classifier.head()),
        labels.len(),
        &weights,
    )?;
    let mut metadata = place.metadata(options.int8);
    metadata.push(("labels", json_list(labels)));
    metadata.push(("max_length", max_length(classifier).to_string()));
    let task = match classifier.space().form {
        Form::Classify => "classify",
        Form::Tag(_) => "tag",
        Form::Keywords(_) | Form::Copied => "keywords",
    };
    metadata.push(("task", task.into()));
    if let Model::Tagger(tagger) = classifier.config() {
        let scheme = serde_json::to_value(tagger.scheme).unwrap_or_default();
        metadata.push(("scheme", scheme.as_str().unwrap_or_default().into()));
    }
    let bytes = onnx::to_bytes(graph, &weights, &metadata)?;
    place.write(&bytes, |path| Ok(classifier.encoder().save(path)?))?;
    Ok(place.exported(&weights, parameters))
}

/// Exports a language model, as [`export_classifier`] does; the vocabulary stands beside the graph.
///
/// # Errors
/// As [`export_classifier`].
pub fn export_language_model(
    generator: &TextGenerator,
    out: &Path,
    options: ExportOptions,
) -> Result<Exported> {
    let model = generator.model();
    // Both tables have a row per word; that of the output is read row by row as well as multiplied.
    let channels = |name: &str| match name {
        "embedding.weight" | "output.weight" => Some(Channels::Rows),
        _ => Some(Channels::Columns),
    };
    let weights = Weights::of(model.parameters(), options.int8, channels)?;
    let parameters = model.parameters().parameters();
    let place = Place::new(out, options.target, VOCABULARY)?;
    if options.target == Target::Safetensors {
        generator.save_tensors(out, &weights.tensors()?)?;
        return Ok(place.exported(&weights, parameters));
    }
    let graph = onnx::language_model(generator.config(), &weights)?;
    let mut metadata = place.metadata(options.int8);
    metadata.push(("task", "language".into()));
    metadata.push(("begin", generator.vocabulary().end().to_string()));
    let tape = Tape::inference(model.parameters().device());
    metadata.push(("ln_z", model.ln_z(&tape)?.tensor().item()?.to_string()));
    let bytes = onnx::to_bytes(graph, &weights, &metadata)?;
    place.write(&bytes, |path| Ok(generator.vocabulary().save(path)?))?;
    Ok(place.exported(&weights, parameters))
}

/// The same classifier with the weights that [`export_classifier`] gives out with `int8`: to see what
/// rounding costs.
///
/// # Errors
/// If the device failed or cannot hold it.
pub fn rounded(classifier: &TextClassifier) -> Result<TextClassifier> {
    let weights = weights_of(classifier, true)?.values();
    let mut copy = classifier.copy()?;
    copy.model_mut().parameters_mut().load(&weights)?;
    Ok(copy)
}

fn weights_of(classifier: &TextClassifier, int8: bool) -> Result<Weights> {
    let model = classifier.model();
    let channels = |name: &str| match name {
        // Scores that are added up along a path.
        "transitions" => None,
        _ if model.is_embedding(name) => Some(Channels::Rows),
        _ => Some(Channels::Columns),
    };
    Weights::of(model.parameters(), int8, channels)
}

fn json_list(labels: &[String]) -> String {
    serde_json::Value::from(labels).to_string()
}

/// Most tokens, or words, that the tokeniser gives the model.
fn max_length(classifier: &TextClassifier) -> usize {
    match classifier.encoder() {
        Encoder::Tokens(tokenizer) => tokenizer.options().max_length,
        Encoder::Pretrained(tokenizer) => tokenizer.max_length(),
        Encoder::Words(table) => table.options().max_length,
        _ => usize::MAX,
    }
}

/// Where files go.
struct Place {
    out: PathBuf,
    weights: PathBuf,
    tokenizer: PathBuf,
    in_folder: bool,
}

impl Place {
    /// `tokenizer` is the name of the tokeniser's file in a folder.
    fn new(out: &Path, target: Target, tokenizer: &str) -> Result<Self> {
        let ends = |extension: &str| out.extension().is_some_and(|found| found == extension);
        let in_folder = target == Target::Safetensors || !ends("onnx");
        if in_folder && (ends("onnx") || ends("safetensors")) {
            return Err(Error::Export(format!(
                "{}: expected the name of a folder: the tokeniser and the labels go with the weights",
                out.display()
            )));
        }
        let place = match (in_folder, target) {
            (false, _) => Place {
                weights: out.into(),
                tokenizer: out.with_extension(tokenizer),
                out: out.into(),
                in_folder,
            },
            (true, target) => Place {
                weights: out.join(match target {
                    Target::Onnx => GRAPH,
                    Target::Safetensors => WEIGHTS,
                }),
                tokenizer: out.join(tokenizer),
                out: out.into(),
                in_folder,
            },
        };
        for path in [&place.out, &place.tokenizer] {
            if path.exists() {
                return Err(Error::Export(format!(
                    "{} is there already: name what is not, with --out",
                    path.display()
                )));
            }
        }
        Ok(place)
    }

    fn metadata(&self, int8: bool) -> Vec<(&'static str, String)> {
        let name = self.tokenizer.file_name().unwrap_or_default();
        let weights = if int8 { "int8" } else { "f32" };
        vec![
            ("tokenizer", name.to_string_lossy().into()),
            ("weights", weights.into()),
        ]
    }

    /// Writes the graph, and the tokeniser beside it.
    fn write(&self, graph: &[u8], save: impl Fn(&Path) -> Result<()>) -> Result<()> {
        let folder = match self.in_folder {
            true => self.out.parent(),
            false => self.weights.parent(),
        };
        if let Some(folder) = folder {
            std::fs::create_dir_all(folder).map_err(|cause| Error::io("create", folder, cause))?;
        }
        if !self.in_folder {
            save(&self.tokenizer)?;
            return Ok(write_atomic(&self.weights, graph)?);
        }
        let mut saved = Ok(());
        let name = self.tokenizer.file_name().unwrap_or_default();
        write_folder(&self.out, |partial| {
            saved = save(&partial.join(name));
            write_atomic(&partial.join(GRAPH), graph)
        })?;
        saved
    }

    fn exported(&self, weights: &Weights, parameters: usize) -> Exported {
        Exported {
            files: vec![self.weights.clone(), self.tokenizer.clone()],
            parameters,
            bytes_f32: 4 * parameters as u64,
            bytes: weights.bytes(),
        }
    }
}
