//! Graph networks: `kind = "text_graph"`, `"text_level"`, `"corpus"` and `"sgc"` of a model section.

use std::path::PathBuf;

use limbeck_data::graph::EdgeWeighting;
use serde::{Deserialize, Serialize};

use super::model::TokenizerConfig;

/// A gated graph network over the tokens of a text (TextING, Zhang et al. 2020).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextGraphConfig {
    /// Width of the word vectors.
    pub embedding_size: usize,
    /// Width of the states of nodes, and of the vector that stands for a text.
    pub hidden_size: usize,
    /// How often nodes read their neighbours.
    pub steps: usize,
    /// Tokens that stand in a common window of this width are neighbours.
    pub window: usize,
    /// What an edge weighs before normalisation.
    pub edges: EdgeWeighting,
    /// How a node gathers what its neighbours say.
    pub aggregation: GraphAggregation,
    /// Dropout on word vectors and before the classifier.
    pub dropout: f64,
    /// Its tokeniser.
    pub tokenizer: TokenizerConfig,
}

impl Default for TextGraphConfig {
    fn default() -> Self {
        Self {
            embedding_size: 200,
            hidden_size: 128,
            steps: 2,
            window: 3,
            edges: EdgeWeighting::Binary,
            aggregation: GraphAggregation::Weighted,
            dropout: 0.5,
            tokenizer: TokenizerConfig::default(),
        }
    }
}

/// How a node gathers what its neighbours say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GraphAggregation {
    /// Weighted by the edges, normalised on both sides.
    Weighted,
    /// Weighted by attention.
    Attention,
}

/// The text-level graph network (Huang et al. 2019): weights of edges are learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextLevelConfig {
    /// Width of the word vectors, which are the states of nodes.
    pub hidden_size: usize,
    /// Tokens at most this far apart are neighbours.
    pub reach: usize,
    /// Pairs of tokens seen less often in the training texts share one weight.
    pub min_pair_count: u64,
    /// Dropout on word vectors and before the classifier.
    pub dropout: f64,
    /// Its tokeniser.
    pub tokenizer: TokenizerConfig,
}

impl Default for TextLevelConfig {
    fn default() -> Self {
        Self {
            hidden_size: 128,
            reach: 3,
            min_pair_count: 2,
            dropout: 0.5,
            tokenizer: TokenizerConfig::default(),
        }
    }
}

/// A graph convolution over one graph of all documents and words (TextGCN, Yao et al. 2019).
/// Transductive: the documents of dev and test are in the graph, without labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorpusGraphConfig {
    /// Width of the first layer.
    pub hidden_size: usize,
    /// Width of the windows in which words that occur together are counted.
    pub window: usize,
    /// Dropout on the first layer's output.
    pub dropout: f64,
    /// Folder where the graph is kept, so that it is made once; empty keeps none.
    pub cache: PathBuf,
    /// Its tokeniser; the vocabulary is that of all documents.
    pub tokenizer: TokenizerConfig,
}

impl Default for CorpusGraphConfig {
    fn default() -> Self {
        Self {
            hidden_size: 200,
            window: 20,
            dropout: 0.5,
            cache: PathBuf::new(),
            tokenizer: all_words(),
        }
    }
}

/// A linear model over the same graph (SGC, Wu et al. 2019). Transductive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SgcConfig {
    /// Products with the adjacency.
    pub hops: usize,
    /// Width of the windows in which words that occur together are counted.
    pub window: usize,
    /// Folder where the graph is kept, so that it is made once; empty keeps none.
    pub cache: PathBuf,
    /// Its tokeniser; the vocabulary is that of all documents.
    pub tokenizer: TokenizerConfig,
}

impl Default for SgcConfig {
    fn default() -> Self {
        Self {
            hops: 2,
            window: 20,
            cache: PathBuf::new(),
            tokenizer: all_words(),
        }
    }
}

/// Every word is a node.
fn all_words() -> TokenizerConfig {
    TokenizerConfig {
        min_count: 1,
        ..TokenizerConfig::default()
    }
}
