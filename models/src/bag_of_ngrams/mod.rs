//! A linear or one-hidden-layer classifier over weighted n-grams: the honest baseline, and a
//! teacher worth having where labels are few.
//!
//! ```text
//! linear:   logits = Σ_j w_j U_j + b                       U [n-grams, classes]
//! hidden:   logits = dropout(relu(Σ_j w_j U_j + b)) V + c  U [n-grams, hidden]
//! ```
//!
//! b is the last row of the table U: every text has the n-gram "bias" with weight 1.

use limbeck_engine::{
    Device, Error, Fingerprint, ParameterId, ParameterStore, Result, StoreBuilder, Tape,
};
use limbeck_kernels::{Activation, activation, dropout, embedding_bag};

use crate::batch::{Batch, Encoded};
use crate::classifier::{Classifier, Output};
use crate::init::Affine;

/// Sizes of a bag-of-n-grams classifier.
#[derive(Clone, Debug, PartialEq)]
pub struct BagOfNgramsConfig {
    /// Number of n-gram indices.
    pub vocabulary_size: usize,
    /// The n-gram vocabulary.
    pub vocabulary: Fingerprint,
    /// Number of classes.
    pub classes: usize,
    /// Width of the hidden layer; 0 makes the model linear.
    pub hidden_size: usize,
    /// Dropout on the hidden layer.
    pub dropout: f64,
}

/// The model.
pub struct BagOfNgrams {
    config: BagOfNgramsConfig,
    store: ParameterStore,
    table: ParameterId,
    output: Option<Affine>,
}

impl BagOfNgrams {
    /// A model that starts at zero (linear) or from small random weights (hidden).
    ///
    /// # Errors
    /// If a size is zero, or the device cannot hold it.
    pub fn new(config: BagOfNgramsConfig, seed: u64, device: &Device) -> Result<Self> {
        if config.vocabulary_size == 0 || config.classes == 0 {
            return Err(Error::Shape {
                operator: "bag_of_ngrams",
                message: "vocabulary_size and classes must be at least 1".into(),
            });
        }
        let mut store = StoreBuilder::new(seed);
        let rows = config.vocabulary_size + 1;
        let (table, output) = if config.hidden_size == 0 {
            let shape = [rows, config.classes];
            // Convex, so the start does not matter; zeros leave unseen n-grams without effect.
            let zeros = vec![0.0; rows * config.classes];
            (store.values("ngrams.weight", shape, zeros, true), None)
        } else {
            let table = store.normal("ngrams.weight", [rows, config.hidden_size], 0.1);
            let output = Affine::new(&mut store, "classifier", config.hidden_size, config.classes);
            (table, Some(output))
        };
        Ok(BagOfNgrams {
            store: store.build(device)?,
            config,
            table,
            output,
        })
    }

    /// Its sizes.
    pub fn config(&self) -> &BagOfNgramsConfig {
        &self.config
    }
}

impl Classifier for BagOfNgrams {
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
        let batch = batch.ngrams()?;
        let table = tape.parameter(&self.store, self.table);
        let sums = tape.scope("ngrams", || embedding_bag(tape, &table, &batch.bags))?;
        let logits = match &self.output {
            None => sums,
            Some(output) => tape.scope("classifier", || {
                let hidden = activation(tape, &sums, Activation::Relu)?;
                let rate = self.config.dropout;
                let name = "bag_of_ngrams.hidden";
                let hidden = dropout(tape, &hidden, &batch.samples, rate, name)?;
                output.apply(tape, &self.store, &hidden, None)
            })?,
        };
        Ok(Output {
            logits,
            levels: Vec::new(),
            states: Vec::new(),
        })
    }

    fn is_embedding(&self, name: &str) -> bool {
        self.config.hidden_size > 0 && name == "ngrams.weight"
    }

    fn batch(&self, texts: &[&Encoded], first_sample: u32) -> Result<Batch> {
        let vocabulary = (self.config.vocabulary, self.config.vocabulary_size);
        Batch::of_ngrams(self.store.device(), texts, vocabulary, first_sample)
    }
}
