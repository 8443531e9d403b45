//! A gated graph network over the tokens of a text (TextING, Zhang et al. 2020; the gated update of
//! Li et al. 2016).
//!
//! ```text
//! h_0 = tanh(dropout(E[nodes]) W_e + b_e)
//! a_t = Â h_{t-1}                              Â the weighted edges of the text
//!       or Σ_{j → i} α_ij h_{t-1, j}           α_i = softmax_j tanh(u · h_i + b_u + v · h_j + b_v)
//! h_t = GRU(a_t, h_{t-1})
//! g_n = σ(f_1(h_n)) tanh(f_2(h_n))             f_1, f_2 affine; f_1 gives one number
//! R   = mean over nodes of g + max over nodes of g
//! logits = dropout(R) W + b
//! ```

use limbeck_engine::{
    Device, Error, Fingerprint, ParameterId, ParameterStore, Result, StoreBuilder, Tape, Var,
};
use limbeck_kernels::{
    Activation, GruWeights, activation, add, dropout, edge_softmax, embedding, gather_rows, gru,
    max_over_time, mean_over_time, scale_rows, spmm,
};

use super::{GraphBatch, Joined, Links};
use crate::batch::{Batch, Encoded};
use crate::classifier::Classifier;
use crate::init::Affine;

/// How a node gathers the states of its neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregation {
    /// Weighted by the edges.
    Weighted,
    /// Weighted by attention, edges saying only where (Veličković et al. 2018).
    Attention,
}

/// Sizes of a [`GatedGraph`].
#[derive(Clone, Debug, PartialEq)]
pub struct GatedGraphConfig {
    /// Number of token ids.
    pub vocabulary_size: usize,
    /// The vocabulary the ids belong to.
    pub vocabulary: Fingerprint,
    /// Number of classes.
    pub classes: usize,
    /// Width of the word vectors.
    pub embedding_size: usize,
    /// Width of the states of nodes, and of the vector that stands for a text.
    pub hidden_size: usize,
    /// How often nodes read their neighbours.
    pub steps: usize,
    /// How they do.
    pub aggregation: Aggregation,
    /// Dropout on word vectors and before the classifier.
    pub dropout: f64,
}

/// The model.
pub struct GatedGraph {
    config: GatedGraphConfig,
    store: ParameterStore,
    embedding: ParameterId,
    encoder: Affine,
    cell: Cell,
    /// u and v of attention.
    attention: Option<[Affine; 2]>,
    gate: Affine,
    feature: Affine,
    classifier: Affine,
}

/// The gated unit that updates a node.
struct Cell {
    input_weight: ParameterId,
    recurrent_weight: ParameterId,
    bias: ParameterId,
    hidden_bias: ParameterId,
}

impl Cell {
    fn new(store: &mut StoreBuilder, width: usize) -> Self {
        let bound = 1.0 / (width as f64).sqrt();
        let mut uniform = |name: &str, shape: &[usize]| match *shape {
            [rows, columns] => store.uniform(name, [rows, columns], bound),
            _ => {
                let bias = store.uniform(name, [shape[0]], bound);
                store.no_decay(bias);
                bias
            }
        };
        Cell {
            input_weight: uniform("cell.input_weight", &[width, 3 * width]),
            recurrent_weight: uniform("cell.recurrent_weight", &[width, 3 * width]),
            bias: uniform("cell.bias", &[3 * width]),
            hidden_bias: uniform("cell.hidden_bias", &[width]),
        }
    }
}

impl GatedGraph {
    /// A model with random weights drawn from the seed.
    ///
    /// # Errors
    /// If a size is zero, or the device cannot hold it.
    pub fn new(config: GatedGraphConfig, seed: u64, device: &Device) -> Result<Self> {
        let sizes = [
            ("vocabulary_size", config.vocabulary_size),
            ("classes", config.classes),
            ("embedding_size", config.embedding_size),
            ("hidden_size", config.hidden_size),
            ("steps", config.steps),
        ];
        if let Some((name, _)) = sizes.iter().find(|(_, size)| *size == 0) {
            return Err(Error::Shape {
                operator: "text_graph",
                message: format!("{name} must be at least 1"),
            });
        }
        let mut store = StoreBuilder::new(seed);
        let width = config.hidden_size;
        // As the word vectors of a TextCNN.
        let table = [config.vocabulary_size, config.embedding_size];
        let embedding = store.uniform("embedding.weight", table, 0.25);
        let encoder = Affine::new(&mut store, "encoder", config.embedding_size, width);
        let cell = Cell::new(&mut store, width);
        let attention = (config.aggregation == Aggregation::Attention).then(|| {
            ["attention.target", "attention.source"]
                .map(|name| Affine::new(&mut store, name, width, 1))
        });
        let gate = Affine::new(&mut store, "gate", width, 1);
        let feature = Affine::new(&mut store, "feature", width, width);
        let classifier = Affine::new(&mut store, "classifier", width, config.classes);
        Ok(GatedGraph {
            store: store.build(device)?,
            config,
            embedding,
            encoder,
            cell,
            attention,
            gate,
            feature,
            classifier,
        })
    }

    /// Its sizes.
    pub fn config(&self) -> &GatedGraphConfig {
        &self.config
    }

    /// The state of every node after all steps, `[nodes, hidden_size]`.
    fn states(&self, tape: &Tape, batch: &GraphBatch) -> Result<Var> {
        let parameter = |id| tape.parameter(&self.store, id);
        let mut h = tape.scope("embedding", || {
            let rows = embedding(tape, &parameter(self.embedding), &batch.nodes.rows, None)?;
            let coordinates = batch.nodes.packed.coordinates();
            let rate = self.config.dropout;
            let rows = dropout(tape, &rows, coordinates, rate, "text_graph.embedding")?;
            self.encoder
                .apply(tape, &self.store, &rows, Some(Activation::Tanh))
        })?;
        for step in 0..self.config.steps {
            h = tape.scope(&format!("step {}", step + 1), || {
                let gathered = self.gather(tape, &h, &batch.links)?;
                let weights = GruWeights {
                    input_weight: &parameter(self.cell.input_weight),
                    recurrent_weight: &parameter(self.cell.recurrent_weight),
                    bias: &parameter(self.cell.bias),
                    hidden_bias: &parameter(self.cell.hidden_bias),
                };
                Ok(gru(tape, &gathered, weights, &h, &batch.steps)?.0)
            })?;
        }
        Ok(h)
    }

    /// What each node reads of its neighbours.
    fn gather(&self, tape: &Tape, h: &Var, links: &Links) -> Result<Var> {
        match (links, &self.attention) {
            (Links::Weighted(matrix), None) => spmm(tape, matrix, h),
            (
                Links::Plain {
                    edges,
                    sources,
                    targets,
                },
                Some([of_target, of_source]),
            ) => {
                let at = |map: &Affine, nodes: &[u32]| {
                    gather_rows(tape, &map.apply(tape, &self.store, h, None)?, nodes)
                };
                let scores = add(tape, &at(of_target, targets)?, &at(of_source, sources)?)?;
                let scores = activation(tape, &scores, Activation::Tanh)?;
                edge_softmax(tape, h, &scores, edges)
            }
            _ => Err(Error::Mismatch(
                "the batch was made for another kind of graph network".into(),
            )),
        }
    }

    fn readout(&self, tape: &Tape, h: &Var, batch: &GraphBatch) -> Result<Var> {
        let sigmoid = Some(Activation::Sigmoid);
        let gate = self.gate.apply(tape, &self.store, h, sigmoid)?;
        let tanh = Some(Activation::Tanh);
        let feature = self.feature.apply(tape, &self.store, h, tanh)?;
        let gated = scale_rows(tape, &feature, &gate)?;
        let texts = &batch.nodes.packed;
        let mean = mean_over_time(tape, &gated, texts)?;
        add(tape, &mean, &max_over_time(tape, &gated, texts)?)
    }
}

impl Classifier for GatedGraph {
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
        let h = self.states(tape, batch)?;
        tape.scope("readout", || self.readout(tape, &h, batch))
    }

    fn classify(&self, tape: &Tape, batch: &Batch, representation: &Var) -> Result<Var> {
        let samples = batch.graphs()?.nodes.packed.samples();
        tape.scope("classifier", || {
            let rate = self.config.dropout;
            let read = dropout(tape, representation, samples, rate, "text_graph.classifier")?;
            self.classifier.apply(tape, &self.store, &read, None)
        })
    }

    fn is_embedding(&self, name: &str) -> bool {
        name == "embedding.weight"
    }

    fn batch(&self, texts: &[&Encoded], first_sample: u32) -> Result<Batch> {
        let device = self.store.device();
        let joined = Joined::new(texts, self.config.vocabulary)?;
        let links = match self.config.aggregation {
            Aggregation::Weighted => Links::Weighted(joined.matrix(device)?),
            Aggregation::Attention => Links::Plain {
                edges: joined.edges(device)?,
                sources: joined.sources.clone(),
                targets: joined.targets(),
            },
        };
        let rows = self.config.vocabulary_size;
        let batch = joined.batch(device, rows, first_sample, links)?;
        Ok(Batch::Graphs(Box::new(batch)))
    }
}
