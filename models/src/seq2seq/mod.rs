//! A Transformer encoder and decoder (Vaswani et al. 2017) as a classifier: the label is what the
//! decoder writes, a sequence of one symbol.
//!
//! ```text
//! memory   = the encoder's states of the text's tokens
//! state    = the decoder's state of a begin symbol that reads the memory
//! logits   = dropout(state) W + b
//! ```
//!
//! The begin symbol is one learned vector. Encoder and decoder are those of `transformer`.

mod config;

use limbeck_engine::{
    Device, Fingerprint, Packed, ParameterId, ParameterStore, Result, StoreBuilder, Tape, Var,
};
use limbeck_kernels::{dropout, gather_rows};

pub use config::Seq2SeqConfig;

use crate::batch::{Batch, Encoded, TokenBatch};
use crate::classifier::{Classifier, Output};
use crate::init::Affine;
use crate::transformer::{Decoder, EncoderStack};

/// The model.
pub struct Seq2Seq {
    config: Seq2SeqConfig,
    store: ParameterStore,
    embedding: ParameterId,
    encoder: EncoderStack,
    begin: ParameterId,
    decoder: Decoder,
    classifier: Affine,
}

impl Seq2Seq {
    /// A model with random weights drawn from the seed.
    ///
    /// # Errors
    /// If the sizes contradict each other, or the device cannot hold them.
    pub fn new(config: Seq2SeqConfig, seed: u64, device: &Device) -> Result<Self> {
        config.check()?;
        let mut store = StoreBuilder::new(seed);
        let d = config.hidden_size;
        let deviation = 1.0 / (d as f64).sqrt();
        let words = [config.vocabulary_size, d];
        let embedding = store.normal("embedding.weight", words, deviation);
        let encoder = EncoderStack::new(&mut store, config.encoder(), config.max_positions)?;
        let begin = store.normal("begin.weight", [1, d], deviation);
        let decoder = Decoder::new(&mut store, "decoder", config.decoder())?;
        let classifier = Affine::new(&mut store, "classifier", d, config.classes);
        Ok(Seq2Seq {
            store: store.build(device)?,
            config,
            embedding,
            encoder,
            begin,
            decoder,
            classifier,
        })
    }

    /// Its sizes.
    pub fn config(&self) -> &Seq2SeqConfig {
        &self.config
    }

    /// The encoder's states `[rows, hidden_size]`, of the embedding and of each layer.
    fn encode(&self, tape: &Tape, batch: &TokenBatch) -> Result<Vec<Var>> {
        let table = tape.parameter(&self.store, self.embedding);
        self.encoder
            .look_up(tape, &self.store, &table, &batch.rows, &batch.packed)
    }

    /// The decoder's state of each text, `[texts, hidden_size]`.
    fn decode(&self, tape: &Tape, memory: &Var, texts: &Packed) -> Result<Var> {
        let begin = tape.parameter(&self.store, self.begin);
        let count = texts.sequences();
        let x = gather_rows(tape, &begin, &vec![0; count])?;
        let target = Packed::new(tape.device(), &vec![1; count], texts.first_sample())?;
        self.decoder
            .forward(tape, &self.store, (&x, &target), (memory, texts))
    }

    fn score(&self, tape: &Tape, state: &Var, batch: &TokenBatch) -> Result<Var> {
        tape.scope("head", || {
            let (samples, rate) = (batch.packed.samples(), self.config.dropout);
            let state = dropout(tape, state, samples, rate, "seq2seq.head")?;
            self.classifier.apply(tape, &self.store, &state, None)
        })
    }
}

impl Classifier for Seq2Seq {
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

    /// The states are the encoder's.
    fn forward(&self, tape: &Tape, batch: &Batch) -> Result<Output> {
        let batch = batch.tokens()?;
        let states = self.encode(tape, batch)?;
        let state = self.decode(tape, &states[self.config.encoder_layers], &batch.packed)?;
        Ok(Output {
            logits: self.score(tape, &state, batch)?,
            levels: Vec::new(),
            states,
        })
    }

    fn represent(&self, tape: &Tape, batch: &Batch) -> Result<Var> {
        let batch = batch.tokens()?;
        let states = self.encode(tape, batch)?;
        self.decode(tape, &states[self.config.encoder_layers], &batch.packed)
    }

    fn classify(&self, tape: &Tape, batch: &Batch, representation: &Var) -> Result<Var> {
        self.score(tape, representation, batch.tokens()?)
    }

    fn is_embedding(&self, name: &str) -> bool {
        matches!(
            name,
            "embedding.weight" | "positions.weight" | "begin.weight"
        )
    }

    fn batch(&self, texts: &[&Encoded], first_sample: u32) -> Result<Batch> {
        let vocabulary = (self.config.vocabulary, self.config.vocabulary_size);
        let longest = self.config.max_positions;
        Batch::of_tokens(
            self.store.device(),
            texts,
            vocabulary,
            longest,
            first_sample,
        )
    }
}
