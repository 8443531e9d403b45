//! The graph of the words of one text.

use serde::{Deserialize, Serialize};

use super::reach::Places;
use super::{check_window, normalise};
use crate::error::{DataError, Result};

/// What the edge between two tokens weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EdgeWeighting {
    /// 1.
    Binary,
    /// The number of pairs of positions, one of either token, that share a window. (Each pair
    /// counts once, not once for every window that it shares.)
    Count,
}

/// Which tokens are joined, and how strongly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TextGraphOptions {
    /// Tokens of a sliding window; a text that is shorter is one window. 1 joins nothing. Default:
    /// 3.
    pub window: usize,
    /// What an edge weighs. Default: 1 each.
    pub weighting: EdgeWeighting,
    /// Whether every node is joined to itself, with the weight 1. Default: no.
    pub self_loops: bool,
    /// Whether the weights are those of `D^-1/2 A D^-1/2`. Default: yes.
    pub normalise: bool,
}

impl Default for TextGraphOptions {
    fn default() -> Self {
        Self {
            window: 3,
            weighting: EdgeWeighting::Binary,
            self_loops: false,
            normalise: true,
        }
    }
}

/// The distinct tokens of a text and the edges between them, in CSR by target.
#[derive(Clone, Debug, PartialEq)]
pub struct TextGraph {
    /// The token of each node: the distinct ones in order of first appearance.
    pub nodes: Vec<u32>,
    /// Number of nodes + 1 offsets, from 0: the edges into node `i` are the entries
    /// `offsets[i]..offsets[i + 1]`.
    pub offsets: Vec<u32>,
    /// The node each edge comes from, rising within a target.
    pub sources: Vec<u32>,
    /// The weight of each edge. They are symmetric.
    pub weights: Vec<f32>,
}

/// The graph of one text (Zhang et al. 2020, "Every Document Owns Its Structure: Inductive Text
/// Classification via Graph Neural Networks").
///
/// Two distinct tokens are joined in both directions if they share a sliding window, that is, if
/// they stand anywhere in the text at a distance below [`window`](TextGraphOptions::window). With
/// [`normalise`](TextGraphOptions::normalise) the weight `a` of an edge from `j` to `i` becomes
/// `a / sqrt(d_i · d_j)`, where `d` is the sum of a node's weights, its self loop included; a node
/// that nothing is joined to keeps its empty row. A text without tokens is a single node `unknown`.
///
/// ```
/// use limbeck_data::graph::{EdgeWeighting, TextGraphOptions, text_graph};
/// let options = TextGraphOptions {
///     weighting: EdgeWeighting::Count,
///     normalise: false,
///     ..TextGraphOptions::default()
/// };
/// // "the cat and the dog" in windows of three words.
/// let graph = text_graph(&[5, 8, 6, 5, 9], 0, &options)?;
/// assert_eq!(graph.nodes, [5, 8, 6, 9]);
/// let row = |node: usize| graph.offsets[node] as usize..graph.offsets[node + 1] as usize;
/// // "the" is near "cat" twice, near "and" twice, near "dog" once.
/// assert_eq!(graph.sources[row(0)], [1, 2, 3]);
/// assert_eq!(graph.weights[row(0)], [2.0, 2.0, 1.0]);
/// # Ok::<(), limbeck_data::DataError>(())
/// ```
///
/// # Errors
/// A window of 0 tokens; 2^32 tokens or edges, or more.
pub fn text_graph(tokens: &[u32], unknown: u32, options: &TextGraphOptions) -> Result<TextGraph> {
    check_window(options.window)?;
    let alone = [unknown];
    let tokens = if tokens.is_empty() { &alone } else { tokens };
    let places = Places::of(tokens)?;
    let (mut offsets, mut sources, mut weights) = (vec![0], Vec::new(), Vec::new());
    places.each_row(options.window - 1, |node, row| {
        for &(source, pairs) in row {
            let itself = source as usize == node;
            if itself && !options.self_loops {
                continue;
            }
            let weight = match options.weighting {
                EdgeWeighting::Count if !itself => pairs as f32,
                EdgeWeighting::Count | EdgeWeighting::Binary => 1.0,
            };
            sources.push(source);
            weights.push(weight);
        }
        let end = u32::try_from(sources.len()).map_err(|_| {
            let expected = "a window that joins fewer than 2^32 pairs of tokens";
            DataError::option("window", expected, options.window)
        })?;
        offsets.push(end);
        Ok(())
    })?;
    if options.normalise {
        normalise(&offsets, &sources, &mut weights);
    }
    Ok(TextGraph {
        nodes: places.nodes,
        offsets,
        sources,
        weights,
    })
}
