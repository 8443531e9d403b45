//! Texts as graph networks read them. The library makes the graphs, so that they are compared too.

use std::sync::Arc;

use limbeck::data::graph::{
    CorpusGraphOptions, Documents, EdgeVocabulary, EdgeWeighting, TextGraph, TextGraphOptions,
    corpus_graph, text_graph,
};
use limbeck::engine::{Device, Result, TokenIds};
use limbeck::models::{
    CorpusAdjacency, CorpusNetwork, CorpusNetworkConfig, EdgeValues, Encoded, GraphDocument,
    GraphText,
};

use crate::sizes::{CorpusSizes, TextGraphSizes, TextLevelSizes, VOCABULARY};

/// Stands for a text without tokens, of which the files have none.
const UNKNOWN: u32 = 0;

/// Graphs whose weights follow from the text.
pub(crate) fn weighted(texts: &[Vec<u32>], sizes: &TextGraphSizes) -> Vec<Encoded> {
    let options = TextGraphOptions {
        window: sizes.window,
        weighting: EdgeWeighting::Binary,
        self_loops: false,
        normalise: true,
    };
    let encode = |text: &Vec<u32>| {
        let mut graph = made(text, &options);
        let weights = std::mem::take(&mut graph.weights);
        encoded(graph, EdgeValues::Weights(weights))
    };
    texts.iter().map(encode).collect()
}

/// Graphs whose edges are those of a table that is learned from the same texts.
pub(crate) fn numbered(texts: &[Vec<u32>], sizes: &TextLevelSizes) -> Vec<Encoded> {
    let all = texts.iter().map(Vec::as_slice);
    let edges = EdgeVocabulary::learn(all, sizes.reach, sizes.min_count).expect("few short texts");
    let encode = |text: &Vec<u32>| {
        let graph = made(text, &edges.graph_options());
        let ids = edges.edges_of(&graph);
        encoded(graph, EdgeValues::Ids(ids))
    };
    texts.iter().map(encode).collect()
}

/// The texts of the batch, as documents of the corpus of all.
pub(crate) fn documents(texts: &[Vec<u32>], sizes: &CorpusSizes) -> Vec<Encoded> {
    let documents = Documents::new(texts.iter().cloned());
    let encode = |&text: &usize| {
        Encoded::Document(GraphDocument {
            number: documents.number(&texts[text]),
            corpus: documents.fingerprint(),
        })
    };
    sizes.labelled.iter().map(encode).collect()
}

/// The network over all texts, with random weights.
pub(crate) fn corpus(
    texts: &[Vec<u32>],
    sizes: &CorpusSizes,
    device: &Device,
) -> Result<CorpusNetwork> {
    let documents = Documents::new(texts.iter().cloned());
    let options = CorpusGraphOptions {
        window: sizes.window,
        normalise: true,
    };
    let (lists, words) = (documents.lists(), sizes.vocabulary_size);
    let graph = corpus_graph(lists, words, &options, &|_, _| ()).expect("words below their number");
    let adjacency = Arc::new(CorpusAdjacency {
        offsets: graph.offsets,
        sources: graph.sources,
        weights: graph.weights,
    });
    let config = CorpusNetworkConfig {
        corpus: documents.fingerprint(),
        documents: documents.len(),
        classes: sizes.classes,
        kind: sizes.kind(),
        dropout: 0.0,
    };
    CorpusNetwork::new(config, adjacency, 0, device)
}

fn made(text: &[u32], options: &TextGraphOptions) -> TextGraph {
    text_graph(text, UNKNOWN, options).expect("a window of some tokens")
}

fn encoded(graph: TextGraph, edges: EdgeValues) -> Encoded {
    Encoded::Graph(GraphText {
        nodes: TokenIds::new(graph.nodes, VOCABULARY),
        offsets: graph.offsets,
        sources: graph.sources,
        edges,
    })
}
