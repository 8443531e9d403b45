//! One graph of all documents and words: TextGCN (Yao et al. 2019) and its linear form, SGC (Wu et
//! al. 2019).
//!
//! ```text
//! convolution   H = dropout(relu(Â W_0))       R = Â H          logits = R W_1
//! simple        R = Â ... Â W                  logits = R       as many Â as hops
//! ```
//!
//! Every node stands for itself (its input is a row of the identity), so the first layer's weights
//! are a vector for each node. All documents of the graph go through every pass, those that are
//! tested on included: results are **transductive**.

use std::sync::Arc;

use limbeck_engine::{
    Device, Error, Fingerprint, ParameterId, ParameterStore, Result, StoreBuilder, Tape, Tensor,
    Var,
};
use limbeck_kernels::{Activation, SparseMatrix, activation, dropout, gather_rows, linear, spmm};

use super::{DocumentBatch, node_coordinates};
use crate::batch::{Batch, Encoded};
use crate::classifier::{Classifier, Output};

/// The edges of the graph: into node n lead those from `offsets[n]` to `offsets[n + 1]`. Documents
/// come first, then words.
#[derive(Clone, Debug, PartialEq)]
pub struct CorpusAdjacency {
    /// Where the edges into each node begin, and their number.
    pub offsets: Vec<u32>,
    /// The node each edge comes from.
    pub sources: Vec<u32>,
    /// What it weighs.
    pub weights: Vec<f32>,
}

/// Which network reads the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkKind {
    /// Two layers of graph convolution.
    Convolution {
        /// Width of the first.
        hidden_size: usize,
    },
    /// A linear model behind this many products with the adjacency.
    Simple {
        /// Their number.
        hops: usize,
    },
}

/// Sizes of a [`CorpusNetwork`].
#[derive(Clone, Debug, PartialEq)]
pub struct CorpusNetworkConfig {
    /// The corpus.
    pub corpus: Fingerprint,
    /// Number of its documents.
    pub documents: usize,
    /// Number of classes.
    pub classes: usize,
    /// The network.
    pub kind: NetworkKind,
    /// Dropout on the first layer's output.
    pub dropout: f64,
}

/// The model.
pub struct CorpusNetwork {
    config: CorpusNetworkConfig,
    store: ParameterStore,
    adjacency: Arc<CorpusAdjacency>,
    matrix: SparseMatrix,
    /// (node, 0) of every node.
    coordinates: Tensor,
    nodes: ParameterId,
    /// W_1; none of the simple network.
    output: Option<ParameterId>,
}

impl CorpusNetwork {
    /// A model with random weights drawn from the seed; a simple one starts at zero, since its loss
    /// is convex.
    ///
    /// # Errors
    /// If a size is zero, the edges contradict each other, or the device cannot hold them.
    pub fn new(
        config: CorpusNetworkConfig,
        adjacency: Arc<CorpusAdjacency>,
        seed: u64,
        device: &Device,
    ) -> Result<Self> {
        let nodes = adjacency.offsets.len().saturating_sub(1);
        let (NetworkKind::Convolution { hidden_size: depth } | NetworkKind::Simple { hops: depth }) =
            config.kind;
        let fits = config.documents > 0 && config.documents <= nodes;
        if !fits || config.classes == 0 || depth == 0 {
            return Err(Error::Shape {
                operator: "corpus",
                message: format!(
                    "expected at least 1 class, document and hidden unit or hop, and documents \
                     among the nodes; found {config:?} for {nodes} nodes"
                ),
            });
        }
        let (offsets, sources) = (&adjacency.offsets, &adjacency.sources);
        let matrix = SparseMatrix::new(device, nodes, offsets, sources, &adjacency.weights)?;
        let mut store = StoreBuilder::new(seed);
        let (table, output) = match config.kind {
            NetworkKind::Convolution { hidden_size } => {
                // Glorot and Bengio 2010.
                let mut glorot = |name, [rows, columns]: [usize; 2]| {
                    let bound = (6.0 / (rows + columns) as f64).sqrt();
                    store.uniform(name, [rows, columns], bound)
                };
                let table = glorot("nodes.weight", [nodes, hidden_size]);
                let output = glorot("output.weight", [hidden_size, config.classes]);
                (table, Some(output))
            }
            NetworkKind::Simple { .. } => {
                let shape = [nodes, config.classes];
                let zeros = vec![0.0; nodes * config.classes];
                (store.values("nodes.weight", shape, zeros, true), None)
            }
        };
        Ok(CorpusNetwork {
            store: store.build(device)?,
            coordinates: node_coordinates(device, nodes)?,
            config,
            adjacency,
            matrix,
            nodes: table,
            output,
        })
    }

    /// Its sizes.
    pub fn config(&self) -> &CorpusNetworkConfig {
        &self.config
    }

    /// The first layer, `[nodes, hidden_size]`.
    fn hidden(&self, tape: &Tape) -> Result<Var> {
        tape.scope("layer 1", || {
            let table = tape.parameter(&self.store, self.nodes);
            let h = activation(tape, &spmm(tape, &self.matrix, &table)?, Activation::Relu)?;
            let rate = self.config.dropout;
            dropout(tape, &h, &self.coordinates, rate, "corpus.hidden")
        })
    }

    /// The rows of the adjacency that belong to these documents.
    fn rows(&self, documents: &[u32]) -> Result<SparseMatrix> {
        let (mut offsets, mut sources, mut weights) = (vec![0], Vec::new(), Vec::new());
        let edges = &*self.adjacency;
        for &document in documents {
            let [from, to] = [0, 1].map(|end| edges.offsets[document as usize + end] as usize);
            sources.extend_from_slice(&edges.sources[from..to]);
            weights.extend_from_slice(&edges.weights[from..to]);
            offsets.push(sources.len() as u32);
        }
        let columns = self.matrix.columns();
        SparseMatrix::new(self.store.device(), columns, &offsets, &sources, &weights)
    }

    /// Scores of the simple network.
    fn simple(&self, tape: &Tape, hops: usize, documents: &[u32]) -> Result<Var> {
        let mut x = tape.parameter(&self.store, self.nodes);
        for hop in 1..=hops {
            x = tape.scope(&format!("hop {hop}"), || spmm(tape, &self.matrix, &x))?;
        }
        gather_rows(tape, &x, documents)
    }
}

impl Classifier for CorpusNetwork {
    fn parameters(&self) -> &ParameterStore {
        &self.store
    }

    fn parameters_mut(&mut self) -> &mut ParameterStore {
        &mut self.store
    }

    fn classes(&self) -> usize {
        self.config.classes
    }

    fn vocabulary(&self) -> Fingerprint {
        self.config.corpus
    }

    fn forward(&self, tape: &Tape, batch: &Batch) -> Result<Output> {
        let documents = &batch.documents()?.documents;
        let logits = match (self.config.kind, self.output) {
            (NetworkKind::Simple { hops }, _) => self.simple(tape, hops, documents)?,
            (_, None) => self.represent(tape, batch)?,
            (_, Some(output)) => {
                // Â (H W) = (Â H) W, and W makes rows narrow.
                let h = self.hidden(tape)?;
                tape.scope("layer 2", || {
                    let weight = tape.parameter(&self.store, output);
                    let scores = linear(tape, &h, &weight, None, None)?;
                    gather_rows(tape, &spmm(tape, &self.matrix, &scores)?, documents)
                })?
            }
        };
        Ok(Output {
            logits,
            levels: Vec::new(),
            states: Vec::new(),
        })
    }

    fn represent(&self, tape: &Tape, batch: &Batch) -> Result<Var> {
        let documents = &batch.documents()?.documents;
        match self.config.kind {
            NetworkKind::Simple { hops } => self.simple(tape, hops, documents),
            NetworkKind::Convolution { .. } => {
                let h = self.hidden(tape)?;
                tape.scope("layer 2", || spmm(tape, &self.rows(documents)?, &h))
            }
        }
    }

    fn classify(&self, tape: &Tape, _: &Batch, representation: &Var) -> Result<Var> {
        match self.output {
            None => Ok(representation.clone()),
            Some(output) => tape.scope("classifier", || {
                let weight = tape.parameter(&self.store, output);
                linear(tape, representation, &weight, None, None)
            }),
        }
    }

    fn is_embedding(&self, name: &str) -> bool {
        name == "nodes.weight"
    }

    fn batch(&self, texts: &[&Encoded], _: u32) -> Result<Batch> {
        let number = |text: &&Encoded| {
            let Encoded::Document(document) = text else {
                return Err(text.unlike("documents of a corpus"));
            };
            if document.corpus != self.config.corpus {
                let (expected, found) = (self.config.corpus, document.corpus);
                return Err(Error::Vocabulary { expected, found });
            }
            let known = |&number: &u32| (number as usize) < self.config.documents;
            document.number.filter(known).ok_or_else(|| {
                Error::Mismatch(
                    "a text is none of the documents the graph was built with: a network over a \
                     corpus is transductive, and knows no others (\"text_graph\" reads any text)"
                        .into(),
                )
            })
        };
        let documents = texts.iter().map(number).collect::<Result<_>>()?;
        Ok(Batch::Documents(DocumentBatch { documents }))
    }
}
