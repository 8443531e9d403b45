//! Graph networks over texts.
//!
//! | model | nodes | edges | source |
//! |---|---|---|---|
//! | [`GatedGraph`] | distinct tokens of a text | tokens that stand close to each other | TextING, Zhang et al. 2020 |
//! | [`TextLevelGraph`] | the same | the same, with weights shared by all texts and learned | Huang et al. 2019 |
//! | [`CorpusNetwork`] | all documents and all words | PMI and TF-IDF | TextGCN, Yao et al. 2019; SGC, Wu et al. 2019 |
//!
//! The first two read any text. The third knows the documents it was built with and no others: it is
//! **transductive**, and the texts it is tested on take part, without labels, in its training.

mod corpus;
mod gated;
mod level;

use limbeck_engine::{Device, Error, Fingerprint, Packed, Result, Tensor, TimeMajor, TokenIds};
use limbeck_kernels::{Edges, SparseMatrix, TokenRows};

pub use corpus::{CorpusAdjacency, CorpusNetwork, CorpusNetworkConfig, NetworkKind};
pub use gated::{Aggregation, GatedGraph, GatedGraphConfig};
pub use level::{TextLevelGraph, TextLevelGraphConfig};

use crate::batch::{Encoded, TokenBatch};

/// A text as the graph of its tokens. Node n has the edges `offsets[n]..offsets[n + 1]`, which come
/// from the nodes `sources`.
#[derive(Clone, Debug, PartialEq)]
pub struct GraphText {
    /// The token of each node.
    pub nodes: TokenIds,
    /// Where the edges into each node begin, and their number.
    pub offsets: Vec<u32>,
    /// The node each edge comes from.
    pub sources: Vec<u32>,
    /// A number for each edge: what it weighs, or, where weights are learned, which weight it has.
    pub edges: EdgeValues,
}

/// What is known of the edges of a text.
#[derive(Clone, Debug, PartialEq)]
pub enum EdgeValues {
    /// Their weights.
    Weights(Vec<f32>),
    /// Their rows in a table of weights that are learned.
    Ids(Vec<u32>),
}

/// A document of a corpus that is one graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GraphDocument {
    /// Its number; `None` for a text that is not in the corpus.
    pub number: Option<u32>,
    /// The corpus.
    pub corpus: Fingerprint,
}

/// The graphs of some texts side by side: one graph without edges between texts.
#[derive(Clone, Debug)]
pub struct GraphBatch {
    /// The tokens of the nodes, text after text.
    pub nodes: TokenBatch,
    /// Every node as a sequence of one step, for the cell that updates its state.
    pub steps: TimeMajor,
    /// The edges.
    pub links: Links,
}

/// Edges of a batch, as the model that asked for them reads them.
#[derive(Clone, Debug)]
pub enum Links {
    /// With weights that are data.
    Weighted(SparseMatrix),
    /// Without: the model weighs them.
    Plain {
        /// The edges.
        edges: Edges,
        /// The node each comes from.
        sources: Vec<u32>,
        /// The node each leads to.
        targets: Vec<u32>,
    },
    /// With weights that are looked up in a table of the model.
    Numbered(Edges, Box<TokenRows>),
}

/// Documents of a corpus.
#[derive(Clone, Debug)]
pub struct DocumentBatch {
    /// Their numbers.
    pub documents: Vec<u32>,
}

/// The lists of several graphs, joined.
#[derive(Default)]
struct Joined {
    ids: Vec<u32>,
    lengths: Vec<usize>,
    offsets: Vec<u32>,
    sources: Vec<u32>,
    weights: Vec<f32>,
    edge_ids: Vec<u32>,
}

impl Joined {
    fn new(texts: &[&Encoded], vocabulary: Fingerprint) -> Result<Self> {
        let mut joined = Joined {
            offsets: vec![0],
            ..Joined::default()
        };
        for text in texts {
            let Encoded::Graph(text) = text else {
                return Err(text.unlike("graphs"));
            };
            let first = joined.ids.len() as u32;
            let ids = text.nodes.expect(vocabulary)?;
            check(text)?;
            joined.ids.extend(ids);
            joined.lengths.push(ids.len());
            let edges = joined.sources.len() as u32;
            joined
                .offsets
                .extend(text.offsets[1..].iter().map(|offset| edges + offset));
            joined
                .sources
                .extend(text.sources.iter().map(|source| first + source));
            match &text.edges {
                EdgeValues::Weights(weights) => joined.weights.extend(weights),
                EdgeValues::Ids(ids) => joined.edge_ids.extend(ids),
            }
        }
        Ok(joined)
    }

    /// The node that each edge leads to.
    fn targets(&self) -> Vec<u32> {
        let pairs = (0..).zip(self.offsets.windows(2));
        pairs
            .flat_map(|(node, pair)| (pair[0]..pair[1]).map(move |_| node))
            .collect()
    }

    fn matrix(&self, device: &Device) -> Result<SparseMatrix> {
        self.require(self.weights.len(), "a weight")?;
        let nodes = self.ids.len();
        SparseMatrix::new(device, nodes, &self.offsets, &self.sources, &self.weights)
    }

    fn edges(&self, device: &Device) -> Result<Edges> {
        Edges::new(device, &self.offsets, &self.sources, self.ids.len())
    }

    /// A model that needs weights cannot read numbers, and the other way round.
    fn require(&self, found: usize, what: &str) -> Result<()> {
        if found == self.sources.len() {
            return Ok(());
        }
        Err(Error::Mismatch(format!(
            "the model reads graphs with {what} for every edge, but of {} edges {found} have one",
            self.sources.len()
        )))
    }

    fn batch(
        self,
        device: &Device,
        rows: usize,
        first_sample: u32,
        links: Links,
    ) -> Result<GraphBatch> {
        let packed = Packed::new(device, &self.lengths, first_sample)?;
        Ok(GraphBatch {
            steps: TimeMajor::new(device, &vec![1; self.ids.len()], 0, 0)?,
            nodes: TokenBatch {
                packed,
                rows: TokenRows::new(device, &self.ids, rows)?,
            },
            links,
        })
    }
}

/// Refuses lists that contradict each other, before they are joined with those of other texts.
fn check(text: &GraphText) -> Result<()> {
    let (nodes, edges) = (text.nodes.len(), text.sources.len());
    let ends = text.offsets.first() == Some(&0)
        && text.offsets.last().map(|&last| last as usize) == Some(edges);
    let values = match &text.edges {
        EdgeValues::Weights(weights) => weights.len(),
        EdgeValues::Ids(ids) => ids.len(),
    };
    let inside = text.sources.iter().all(|&source| (source as usize) < nodes);
    if nodes > 0 && text.offsets.len() == nodes + 1 && ends && values == edges && inside {
        return Ok(());
    }
    Err(Error::Mismatch(format!(
        "the graph of a text must have a node, an offset for each node and the end, sources below \
         the number of nodes, and a value for each edge; found {nodes} nodes, {} offsets to {:?}, \
         {edges} sources, the largest {:?}, and {values} values",
        text.offsets.len(),
        text.offsets.last(),
        text.sources.iter().max()
    )))
}

/// (node, 0) of so many nodes: the coordinates of their random numbers.
fn node_coordinates(device: &Device, nodes: usize) -> Result<Tensor> {
    let coordinates: Vec<u32> = (0..nodes as u32).flat_map(|node| [node, 0]).collect();
    device.ids(&coordinates, [nodes, 2])
}
