//! Transformer encoder classifier (Vaswani et al. 2017), over packed rows.
//!
//! ```text
//! h_0 = dropout(embedding(token) + position)          post: h_0 = dropout(norm(...))
//! pre-norm    a = h + dropout(attention(norm(h)))      h' = a + dropout(ffn(norm(a)))
//! post-norm   a = norm(h + dropout(attention(h)))      h' = norm(a + dropout(ffn(a)))
//! ffn(x) = gelu(x W1 + b1) W2 + b2                     (or another function in place of gelu)
//! pooled   = mean over the text's tokens, or its first token
//! head     logits = dropout(pooled(h_L)) W + b
//!          projected: g_k = pooled(h_m(k)) P_k + c_k,  logits = dropout([g_1 ... g_K]) W + b
//!          with the embedding as level 0, m(0) = 0:     logits = dropout([g_0 ... g_K]) W + b
//! ```
//!
//! With pre-norm, the last layer's state is the one after the final norm.

mod cache;
mod config;
mod decoder;
mod decoder_layer;
mod layer;
mod residual;
mod stack;

use limbeck_engine::{
    Device, Error, Fingerprint, ParameterId, ParameterStore, Result, StoreBuilder, Tape, Var,
};
use limbeck_kernels::{concat, dropout};

pub use cache::DecoderCache;
pub(crate) use config::at_least_one;
pub use config::{Head, LayerFunctions, NormPosition, StackConfig, TransformerConfig};
pub use decoder::Decoder;
pub use stack::EncoderStack;

use crate::batch::{Batch, Encoded, TokenBatch};
use crate::classifier::{Classifier, Output};
use crate::init::Affine;

/// The model.
pub struct Transformer {
    config: TransformerConfig,
    store: ParameterStore,
    embedding: ParameterId,
    encoder: EncoderStack,
    /// What a projected head reads, in order of depth.
    levels: Vec<Level>,
    classifier: Affine,
}

/// One of the states that a projected head reads.
struct Level {
    /// 0 is the embedding.
    layer: usize,
    /// Of equal widths nothing needs projecting.
    projection: Option<Affine>,
}

impl Transformer {
    /// A model with random weights drawn from the seed.
    ///
    /// # Errors
    /// If the sizes contradict each other, or the device cannot hold them.
    pub fn new(config: TransformerConfig, seed: u64, device: &Device) -> Result<Self> {
        config.check()?;
        let mut store = StoreBuilder::new(seed);
        let d = config.hidden_size;
        let embedding = store.normal(
            "embedding.weight",
            [config.vocabulary_size, d],
            1.0 / (d as f64).sqrt(),
        );
        let encoder = EncoderStack::new(&mut store, config.stack(), config.max_positions)?;
        let (levels, width) = levels(&mut store, &config);
        let classifier = Affine::new(&mut store, "classifier", width, config.classes);
        let store = store.build(device)?;
        Ok(Transformer {
            config,
            store,
            embedding,
            encoder,
            levels,
            classifier,
        })
    }

    /// Its sizes.
    pub fn config(&self) -> &TransformerConfig {
        &self.config
    }

    /// The states `[rows, hidden_size]` of the embedding and of each layer.
    fn encode(&self, tape: &Tape, batch: &TokenBatch) -> Result<Vec<Var>> {
        let table = tape.parameter(&self.store, self.embedding);
        self.encoder
            .look_up(tape, &self.store, &table, &batch.rows, &batch.packed)
    }

    /// What the classifier reads, and the levels it is made of where the head projects them.
    fn pool(&self, tape: &Tape, states: &[Var], batch: &TokenBatch) -> Result<(Var, Vec<Var>)> {
        let (pooling, texts) = (self.config.pooling, &batch.packed);
        let mut levels = Vec::new();
        let read = match &self.config.head {
            Head::Pooled => pooling.apply(tape, &states[self.config.layers], texts)?,
            Head::Projected { .. } => {
                for level in &self.levels {
                    let pooled = pooling.apply(tape, &states[level.layer], texts)?;
                    levels.push(self.project(tape, level, &pooled)?);
                }
                concat(tape, &levels.iter().collect::<Vec<_>>())?
            }
        };
        Ok((read, levels))
    }

    fn score(&self, tape: &Tape, read: &Var, batch: &TokenBatch) -> Result<Var> {
        let (samples, rate) = (batch.packed.samples(), self.config.dropout);
        let read = dropout(tape, read, samples, rate, "transformer.head")?;
        self.classifier.apply(tape, &self.store, &read, None)
    }

    fn project(&self, tape: &Tape, level: &Level, rows: &Var) -> Result<Var> {
        match &level.projection {
            Some(projection) => projection.apply(tape, &self.store, rows, None),
            None => Ok(rows.clone()),
        }
    }
}

/// The levels of the head, and the width of what the classifier reads.
fn levels(store: &mut StoreBuilder, config: &TransformerConfig) -> (Vec<Level>, usize) {
    let d = config.hidden_size;
    let Head::Projected {
        layers,
        size,
        embedding_size,
    } = &config.head
    else {
        return (Vec::new(), d);
    };
    let mut level = |name: &str, layer: usize, size: usize| Level {
        layer,
        projection: (size != d).then(|| Affine::new(store, name, d, size)),
    };
    let embedding = embedding_size.map(|size| level("embedding_projection", 0, size));
    let mut levels = Vec::from_iter(embedding);
    for (k, &layer) in layers.iter().enumerate() {
        levels.push(level(&format!("projections.{k}"), layer, *size));
    }
    (levels, embedding_size.unwrap_or(0) + layers.len() * size)
}

impl Classifier for Transformer {
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

    fn forward(&self, tape: &Tape, batch: &Batch) -> Result<Output> {
        let batch = batch.tokens()?;
        let states = self.encode(tape, batch)?;
        let (logits, levels) = tape.scope("head", || {
            let (read, levels) = self.pool(tape, &states, batch)?;
            Ok((self.score(tape, &read, batch)?, levels))
        })?;
        Ok(Output {
            logits,
            levels,
            states,
        })
    }

    fn represent(&self, tape: &Tape, batch: &Batch) -> Result<Var> {
        let batch = batch.tokens()?;
        let states = self.encode(tape, batch)?;
        tape.scope("head", || Ok(self.pool(tape, &states, batch)?.0))
    }

    fn classify(&self, tape: &Tape, batch: &Batch, representation: &Var) -> Result<Var> {
        tape.scope("head", || self.score(tape, representation, batch.tokens()?))
    }

    fn project_states(&self, tape: &Tape, states: &[Var]) -> Result<Vec<Var>> {
        let project = |level: &Level| match states.get(level.layer) {
            Some(rows) => self.project(tape, level, rows),
            None => Err(Error::Mismatch(format!(
                "the head reads layer {}, but only {} states were given",
                level.layer,
                states.len()
            ))),
        };
        self.levels.iter().map(project).collect()
    }

    fn is_embedding(&self, name: &str) -> bool {
        name == "embedding.weight" || name == "positions.weight"
    }

    fn batch(&self, texts: &[&Encoded], first_sample: u32) -> Result<Batch> {
        let vocabulary = (self.config.vocabulary, self.config.vocabulary_size);
        let device = self.store.device();
        Batch::of_tokens(
            device,
            texts,
            vocabulary,
            self.config.max_positions,
            first_sample,
        )
    }
}
