//! The graph network of the workloads: TextGCN on a random graph.

use std::sync::Arc;

use limbeck_engine::{Device, Stream};
use limbeck_models::{
    Classifier, CorpusAdjacency, CorpusNetwork, CorpusNetworkConfig, Encoded, GraphDocument,
    NetworkKind,
};
use limbeck_training::Result;

use super::Changes;
use super::models::{CLASSES, VOCABULARY};

const NODES: usize = 15_000;
/// Entries of the adjacency, those of self loops included; pairs drawn twice are one.
const ENTRIES: usize = 1_500_000;
const HIDDEN_SIZE: usize = 200;

/// Number of nodes; all of them count as documents.
pub(super) fn nodes(changes: &Changes) -> usize {
    changes.nodes.unwrap_or(NODES)
}

/// The network over a symmetric random graph, normalised on both sides.
pub(super) fn network(changes: &Changes, device: &Device) -> Result<Box<dyn Classifier>> {
    let nodes = nodes(changes);
    let config = CorpusNetworkConfig {
        corpus: VOCABULARY,
        documents: nodes,
        classes: CLASSES,
        kind: NetworkKind::Convolution {
            hidden_size: HIDDEN_SIZE,
        },
        dropout: changes.dropout.unwrap_or(0.5),
    };
    let adjacency = Arc::new(adjacency(changes));
    let network = CorpusNetwork::new(config, adjacency, 1, device)?;
    Ok(Box::new(network))
}

/// The document of a number.
pub(super) fn document(number: u32) -> Encoded {
    Encoded::Document(GraphDocument {
        number: Some(number),
        corpus: VOCABULARY,
    })
}

/// A symmetric random graph with self loops, normalised on both sides.
pub(super) fn adjacency(changes: &Changes) -> CorpusAdjacency {
    let nodes = nodes(changes);
    let entries = changes.edges.unwrap_or(ENTRIES);
    let random = Stream::new(7, "graph", 0);
    let mut edges: Vec<(u32, u32, f32)> = (0..nodes as u32).map(|node| (node, node, 1.0)).collect();
    for pair in 0..(entries.saturating_sub(nodes) / 2) as u32 {
        let [a, b] = [0, 1].map(|end| random.word(pair, end, 0) % nodes as u32);
        let weight = random.uniform(pair, 2) as f32 + 0.1;
        edges.extend([(a, b, weight), (b, a, weight)]);
    }
    edges.sort_by_key(|&(row, column, _)| (row, column));
    edges.dedup_by_key(|&mut (row, column, _)| (row, column));
    let mut degrees = vec![0.0f32; nodes];
    for &(row, _, weight) in &edges {
        degrees[row as usize] += weight;
    }
    let mut offsets = vec![0u32; nodes + 1];
    for &(row, ..) in &edges {
        offsets[row as usize + 1] += 1;
    }
    for row in 0..nodes {
        offsets[row + 1] += offsets[row];
    }
    let normalised = |&(row, column, weight): &(u32, u32, f32)| {
        weight / (degrees[row as usize] * degrees[column as usize]).sqrt()
    };
    CorpusAdjacency {
        offsets,
        weights: edges.iter().map(normalised).collect(),
        sources: edges.into_iter().map(|(_, column, _)| column).collect(),
    }
}
