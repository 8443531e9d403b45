//! ONNX: a model as a graph of common operators, for other runtimes.
//!
//! Batches are padded there and not packed: `[batch, sequence]` ids with an attention mask of 1 where a
//! text has a token and 0 behind its end. What a model computes for a text does not depend on the
//! padding. The operators are of opset 17.

mod graph;
mod language;
mod message;
mod tagger;
mod text_cnn;
mod transformer;

use limbeck_models::{Head, LayerFunctions, NormPosition, TextPooling};
use prost::Message;

use super::weights::Weights;
use crate::config::{Model, Norm, RecurrentConfig, TransformerPooling};
use crate::error::{Error, Result};
use graph::{Arranged, GraphBuilder};
use transformer::Stack;

/// Version of the file format that opset 17 came with.
const IR_VERSION: i64 = 8;
const OPSET: i64 = 17;
/// A message has at most 2^31 - 1 bytes.
const MOST_BYTES: u64 = i32::MAX as u64 - (1 << 20);

/// What cannot be exported, and what can.
pub(super) fn not_offered(what: &str) -> Error {
    Error::Export(format!(
        "{what} cannot be exported to ONNX. What can: models of the kinds text_cnn, transformer and \
         pretrained that classify texts, taggers over text_cnn and transformer, and language models of \
         the kinds lstm and gru. --to safetensors writes any model that reads texts"
    ))
}

/// The graph of a classifier or tagger.
pub(super) fn classifier(
    (config, head): (&Model, &Head),
    labels: usize,
    weights: &Weights,
) -> Result<message::Graph> {
    let mut graph = GraphBuilder::new("limbeck", weights);
    let labels = labels.to_string();
    if let Model::Tagger(tagger) = config {
        let scores = tagger::tag(&mut graph, tagger)?;
        graph.output(&scores, "logits", &["batch", "sequence", &labels]);
        if tagger.words.crf {
            let shape = graph.shape("transitions")?;
            let as_they_are = Arranged {
                dims: shape.to_vec(),
                channel_axis: 0,
                places: (0..shape.iter().product()).collect(),
            };
            let scores = graph.arranged("transitions.scores", "transitions", &as_they_are)?;
            graph.output(&scores, "transitions", &[&shape[0].to_string(), &labels]);
        }
        return Ok(graph.finish());
    }
    let dims = ["batch", "sequence"];
    let (ids, mask) = (
        graph.ids("input_ids", &dims),
        graph.ids("attention_mask", &dims),
    );
    let mask = graph.mask(&mask);
    let scores = match config {
        Model::TextCnn(config) => text_cnn::classify(&mut graph, config, &ids, &mask)?,
        Model::Transformer(config) => {
            let stack = Stack {
                layers: config.layers,
                heads: config.heads,
                norm: match config.norm {
                    Norm::Pre => NormPosition::Pre,
                    Norm::Post => NormPosition::Post,
                },
                functions: LayerFunctions::default(),
            };
            let read = (pooling(config.pooling), head);
            transformer::classify(&mut graph, &stack, read, &ids, &mask)?
        }
        Model::Pretrained(config) => {
            let sizes = &config.encoder;
            let stack = Stack {
                layers: sizes.layers,
                heads: sizes.heads,
                norm: NormPosition::Post,
                functions: LayerFunctions {
                    norm_epsilon: sizes.norm_epsilon as f32,
                    activation: sizes.activation.into(),
                },
            };
            let read = (pooling(config.pooling), head);
            transformer::classify(&mut graph, &stack, read, &ids, &mask)?
        }
        other => {
            let kind = serde_json::to_value(other.kind()).unwrap_or_default();
            return Err(not_offered(&format!("a model of the kind {kind}")));
        }
    };
    graph.output(&scores, "logits", &["batch", &labels]);
    Ok(graph.finish())
}

fn pooling(pooling: TransformerPooling) -> TextPooling {
    match pooling {
        TransformerPooling::Mean => TextPooling::Mean,
        TransformerPooling::First => TextPooling::First,
    }
}

/// The graph of a language model.
pub(super) fn language_model(
    config: &RecurrentConfig,
    weights: &Weights,
) -> Result<message::Graph> {
    let mut graph = GraphBuilder::new("limbeck", weights);
    language::predict_words(&mut graph, config)?;
    Ok(graph.finish())
}

/// The bytes of the file.
///
/// # Errors
/// If the weights are more than a file can have.
pub(super) fn to_bytes(
    graph: message::Graph,
    weights: &Weights,
    metadata: &[(&str, String)],
) -> Result<Vec<u8>> {
    if weights.bytes() > MOST_BYTES {
        return Err(Error::Export(format!(
            "the weights have {} bytes, and an ONNX file at most {MOST_BYTES}: export them with --int8, \
             or --to safetensors",
            weights.bytes()
        )));
    }
    let property = |(key, value): &(&str, String)| message::Property {
        key: (*key).into(),
        value: value.clone(),
    };
    let model = message::Model {
        ir_version: IR_VERSION,
        producer_name: "limbeck".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        doc_string: String::new(),
        graph: Some(graph),
        opset_import: vec![message::OperatorSet {
            domain: String::new(),
            version: OPSET,
        }],
        metadata: metadata.iter().map(property).collect(),
    };
    Ok(model.encode_to_vec())
}
