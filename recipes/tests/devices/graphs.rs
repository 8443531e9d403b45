//! Tiny graph networks and the graphs of the random texts.

use std::sync::{Arc, OnceLock};

use limbeck_data::graph::{
    CorpusGraph, CorpusGraphOptions, EdgeWeighting, TextGraphOptions, corpus_graph, text_graph,
};
use limbeck_engine::{Device, Result, TokenIds};
use limbeck_models::{
    Aggregation, Classifier, CorpusAdjacency, CorpusNetwork, CorpusNetworkConfig, EdgeValues,
    Encoded, GatedGraph, GatedGraphConfig, GraphDocument, GraphText, NetworkKind, TextLevelGraph,
    TextLevelGraphConfig,
};

use crate::tiny::{CLASSES, SEED, VOCABULARY, VOCABULARY_SIZE, ids};

const EDGES: usize = 17;
/// Documents of the corpus; texts of higher numbers begin again.
const DOCUMENTS: u32 = 40;

pub(crate) fn gated(aggregation: Aggregation, device: &Device) -> Result<Box<dyn Classifier>> {
    let config = GatedGraphConfig {
        vocabulary_size: VOCABULARY_SIZE,
        vocabulary: VOCABULARY,
        classes: CLASSES,
        embedding_size: 10,
        hidden_size: 8,
        steps: 2,
        aggregation,
        dropout: 0.2,
    };
    Ok(Box::new(GatedGraph::new(config, SEED, device)?))
}

pub(crate) fn text_level(device: &Device) -> Result<Box<dyn Classifier>> {
    let config = TextLevelGraphConfig {
        vocabulary_size: VOCABULARY_SIZE,
        vocabulary: VOCABULARY,
        edges: EDGES,
        classes: CLASSES,
        hidden_size: 9,
        dropout: 0.2,
    };
    Ok(Box::new(TextLevelGraph::new(config, SEED, device)?))
}

pub(crate) fn corpus(kind: NetworkKind, device: &Device) -> Result<Box<dyn Classifier>> {
    let config = CorpusNetworkConfig {
        corpus: VOCABULARY,
        documents: DOCUMENTS as usize,
        classes: CLASSES,
        kind,
        dropout: 0.3,
    };
    let network = CorpusNetwork::new(config, adjacency(), SEED, device)?;
    Ok(Box::new(network))
}

fn adjacency() -> Arc<CorpusAdjacency> {
    static ADJACENCY: OnceLock<Arc<CorpusAdjacency>> = OnceLock::new();
    let made = ADJACENCY.get_or_init(|| {
        let documents: Vec<Vec<u32>> = (0..DOCUMENTS).map(ids).collect();
        let options = CorpusGraphOptions::default();
        let graph = corpus_graph(&documents, VOCABULARY_SIZE, &options, &|_, _| ());
        let CorpusGraph {
            offsets,
            sources,
            weights,
            ..
        } = graph.expect("a graph");
        Arc::new(CorpusAdjacency {
            offsets,
            sources,
            weights,
        })
    });
    Arc::clone(made)
}

/// The graph of text `number`, with weights or with numbers of edges.
pub(crate) fn graph(number: u32, numbered: bool) -> Encoded {
    let options = TextGraphOptions {
        window: 3,
        weighting: EdgeWeighting::Count,
        self_loops: numbered,
        normalise: true,
    };
    let graph = text_graph(&ids(number), 0, &options).expect("a graph");
    let edges = match numbered {
        false => EdgeValues::Weights(graph.weights),
        true => {
            let edge = |e: usize| (graph.sources[e] * 5 + e as u32) % EDGES as u32;
            EdgeValues::Ids((0..graph.sources.len()).map(edge).collect())
        }
    };
    Encoded::Graph(GraphText {
        nodes: TokenIds::new(graph.nodes, VOCABULARY),
        offsets: graph.offsets,
        sources: graph.sources,
        edges,
    })
}

pub(crate) fn document(number: u32) -> Encoded {
    Encoded::Document(GraphDocument {
        number: Some(number % DOCUMENTS),
        corpus: VOCABULARY,
    })
}
