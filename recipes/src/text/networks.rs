//! Graph networks from their configuration.

use limbeck_engine::{Device, Error, Result};
use limbeck_models::{
    Aggregation, Classifier, CorpusNetwork, CorpusNetworkConfig, GatedGraph, GatedGraphConfig,
    NetworkKind, TextLevelGraph, TextLevelGraphConfig,
};

use super::{CorpusEncoder, Encoder};
use crate::config::{GraphAggregation, Model, TextGraphConfig, TextLevelConfig};

/// The graph network that a configuration describes, with random weights.
pub(super) fn network_of(
    config: &Model,
    encoder: &Encoder,
    classes: usize,
    seed: u64,
    device: &Device,
) -> Result<Box<dyn Classifier>> {
    let corpus = |kind: NetworkKind, dropout: f64| {
        let corpus = corpus_of(encoder)?;
        let config = CorpusNetworkConfig {
            corpus: encoder.fingerprint(),
            documents: corpus.documents(),
            classes,
            kind,
            dropout,
        };
        let adjacency = corpus.adjacency().clone();
        let network = CorpusNetwork::new(config, adjacency, seed, device)?;
        Ok(Box::new(network) as Box<dyn Classifier>)
    };
    match config {
        Model::TextGraph(config) => {
            let config = gated(config, encoder, classes);
            Ok(Box::new(GatedGraph::new(config, seed, device)?))
        }
        Model::TextLevel(config) => {
            let config = text_level(config, encoder, classes);
            Ok(Box::new(TextLevelGraph::new(config, seed, device)?))
        }
        Model::Corpus(config) => {
            let hidden_size = config.hidden_size;
            corpus(NetworkKind::Convolution { hidden_size }, config.dropout)
        }
        Model::Sgc(config) => corpus(NetworkKind::Simple { hops: config.hops }, 0.0),
        _ => Err(Error::Mismatch("not a graph network".into())),
    }
}

fn corpus_of(encoder: &Encoder) -> Result<&CorpusEncoder> {
    match encoder {
        Encoder::Corpus(encoder) => Ok(encoder),
        _ => Err(Error::Mismatch(
            "a network over a corpus needs the encoder of its documents".into(),
        )),
    }
}

fn gated(config: &TextGraphConfig, encoder: &Encoder, classes: usize) -> GatedGraphConfig {
    GatedGraphConfig {
        vocabulary_size: encoder.size(),
        vocabulary: encoder.fingerprint(),
        classes,
        embedding_size: config.embedding_size,
        hidden_size: config.hidden_size,
        steps: config.steps,
        aggregation: match config.aggregation {
            GraphAggregation::Weighted => Aggregation::Weighted,
            GraphAggregation::Attention => Aggregation::Attention,
        },
        dropout: config.dropout,
    }
}

fn text_level(config: &TextLevelConfig, encoder: &Encoder, classes: usize) -> TextLevelGraphConfig {
    TextLevelGraphConfig {
        vocabulary_size: encoder.size(),
        vocabulary: encoder.fingerprint(),
        edges: match encoder {
            Encoder::Graphs(encoder) => encoder.edges(),
            _ => 0,
        },
        classes,
        hidden_size: config.hidden_size,
        dropout: config.dropout,
    }
}
