//! The text-level graph network of Huang et al. 2019: the graph of a text, with weights of edges
//! that are learned and shared by all texts.
//!
//! ```text
//! r_n  = dropout(E[n])
//! m_n  = max over edges a → n of w_an r_a           column by column; a node has an edge to itself
//! r'_n = (1 - η_n) m_n + η_n r_n                    η_n = σ(e_n), learned for each token
//! R    = relu(Σ_n r'_n)
//! logits = dropout(R) W + b
//! ```
//!
//! The paper has the relu behind W; there it would cut scores, and where it stands in the authors'
//! program is here. Pairs of tokens that are rare in training share one weight.

use limbeck_engine::{
    Device, Error, Fingerprint, ParameterId, ParameterStore, Result, StoreBuilder, Tape, Var,
};
use limbeck_kernels::{
    Activation, TokenRows, activation, add, dropout, edge_max, embedding, scale_rows,
    sum_over_time, weighted_sum,
};

use super::{Joined, Links};
use crate::batch::{Batch, Encoded};
use crate::classifier::Classifier;
use crate::init::Affine;

/// Sizes of a [`TextLevelGraph`].
#[derive(Clone, Debug, PartialEq)]
pub struct TextLevelGraphConfig {
    /// Number of token ids.
    pub vocabulary_size: usize,
    /// The vocabulary the ids belong to.
    pub vocabulary: Fingerprint,
    /// Number of weights of edges, that of rare pairs included.
    pub edges: usize,
    /// Number of classes.
    pub classes: usize,
    /// Width of the word vectors, which are the states of nodes.
    pub hidden_size: usize,
    /// Dropout on word vectors and before the classifier.
    pub dropout: f64,
}

/// The model.
pub struct TextLevelGraph {
    config: TextLevelGraphConfig,
    store: ParameterStore,
    embedding: ParameterId,
    keep: ParameterId,
    edges: ParameterId,
    classifier: Affine,
}

impl TextLevelGraph {
    /// A model with random word vectors drawn from the seed; all edges weigh 1.
    ///
    /// # Errors
    /// If a size is zero, or the device cannot hold it.
    pub fn new(config: TextLevelGraphConfig, seed: u64, device: &Device) -> Result<Self> {
        let sizes = [
            ("vocabulary_size", config.vocabulary_size),
            ("edges", config.edges),
            ("classes", config.classes),
            ("hidden_size", config.hidden_size),
        ];
        if let Some((name, _)) = sizes.iter().find(|(_, size)| *size == 0) {
            return Err(Error::Shape {
                operator: "text_level",
                message: format!("{name} must be at least 1"),
            });
        }
        let (words, width) = (config.vocabulary_size, config.hidden_size);
        let mut store = StoreBuilder::new(seed);
        let embedding = store.uniform("embedding.weight", [words, width], 0.25);
        let keep = store.constant("keep.weight", [words, 1], 0.0);
        let edges = store.constant("edges.weight", [config.edges, 1], 1.0);
        let classifier = Affine::new(&mut store, "classifier", width, config.classes);
        Ok(TextLevelGraph {
            store: store.build(device)?,
            config,
            embedding,
            keep,
            edges,
            classifier,
        })
    }

    /// Its sizes.
    pub fn config(&self) -> &TextLevelGraphConfig {
        &self.config
    }
}

impl Classifier for TextLevelGraph {
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
        self.config.vocabulary
    }

    fn represent(&self, tape: &Tape, batch: &Batch) -> Result<Var> {
        let batch = batch.graphs()?;
        let Links::Numbered(edges, weights) = &batch.links else {
            return Err(Error::Mismatch(
                "the batch was made for another kind of graph network".into(),
            ));
        };
        let parameter = |id| tape.parameter(&self.store, id);
        let (nodes, texts) = (&batch.nodes.rows, &batch.nodes.packed);
        let r = tape.scope("embedding", || {
            let rows = embedding(tape, &parameter(self.embedding), nodes, None)?;
            let (coordinates, rate) = (texts.coordinates(), self.config.dropout);
            dropout(tape, &rows, coordinates, rate, "text_level.embedding")
        })?;
        let updated = tape.scope("neighbours", || {
            let weights = embedding(tape, &parameter(self.edges), weights, None)?;
            let m = edge_max(tape, &r, &weights, edges)?;
            let keep = embedding(tape, &parameter(self.keep), nodes, None)?;
            let keep = activation(tape, &keep, Activation::Sigmoid)?;
            let difference = weighted_sum(tape, &[(&r, 1.0), (&m, -1.0)])?;
            add(tape, &m, &scale_rows(tape, &difference, &keep)?)
        })?;
        tape.scope("readout", || {
            let sum = sum_over_time(tape, &updated, texts)?;
            activation(tape, &sum, Activation::Relu)
        })
    }

    fn classify(&self, tape: &Tape, batch: &Batch, representation: &Var) -> Result<Var> {
        let samples = batch.graphs()?.nodes.packed.samples();
        tape.scope("classifier", || {
            let rate = self.config.dropout;
            let read = dropout(tape, representation, samples, rate, "text_level.classifier")?;
            self.classifier.apply(tape, &self.store, &read, None)
        })
    }

    fn is_embedding(&self, name: &str) -> bool {
        matches!(name, "embedding.weight" | "keep.weight" | "edges.weight")
    }

    fn batch(&self, texts: &[&Encoded], first_sample: u32) -> Result<Batch> {
        let device = self.store.device();
        let joined = Joined::new(texts, self.config.vocabulary)?;
        joined.require(joined.edge_ids.len(), "a row of the table of weights")?;
        let rows = TokenRows::new(device, &joined.edge_ids, self.config.edges)?;
        let links = Links::Numbered(joined.edges(device)?, Box::new(rows));
        let words = self.config.vocabulary_size;
        let batch = joined.batch(device, words, first_sample, links)?;
        Ok(Batch::Graphs(Box::new(batch)))
    }
}
