//! TextCNN (Kim 2014): convolutions over word vectors, pooled over time.
//!
//! ```text
//! e      = embedding(tokens)                                   [rows, embedding_size]
//! parallel:  h_k = relu(conv_k(e))                             every block reads the embedding
//! stacked:   h_k = relu(conv_k(h_{k-1})) (+ h_{k-1}), h_0 = e  residual where widths agree
//! f_k    = pool over time of h_k                               [texts, channels]
//! logits = dropout([f_1 ... f_K]) W + b
//! ```
//!
//! Convolutions use "same" padding; rows of other texts and positions outside the text count as
//! zero and are never pooled, so that a batch gives what each text alone gives.

mod folded;

use limbeck_engine::{
    Device, Error, Fingerprint, ParameterId, ParameterStore, Result, StoreBuilder, Tape, Tensor,
    Var,
};
use limbeck_kernels::{
    Activation, add, concat, conv1d, conv1d_max, dropout, embedding, max_over_time, mean_over_time,
};

use crate::batch::{Batch, Encoded, TokenBatch};
use crate::classifier::{Classifier, Output};
use crate::init::Affine;

/// How the convolution blocks are connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topology {
    /// Block k reads block k-1, with residual connections.
    Stacked,
    /// Every block reads the word vectors.
    Parallel,
}

/// How a block's outputs become one vector per text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimePooling {
    /// The largest value over time.
    Max,
    /// The mean over time.
    Mean,
    /// Both, projected back to the number of channels.
    MaxMean,
}

/// Sizes of a TextCNN.
#[derive(Clone, Debug, PartialEq)]
pub struct TextCnnConfig {
    /// Number of token ids.
    pub vocabulary_size: usize,
    /// The vocabulary the ids belong to.
    pub vocabulary: Fingerprint,
    /// Number of classes.
    pub classes: usize,
    /// Width of the word vectors.
    pub embedding_size: usize,
    /// Output channels of every block.
    pub channels: usize,
    /// Kernel width of every block, in order of depth.
    pub kernel_sizes: Vec<usize>,
    /// How the blocks are connected.
    pub topology: Topology,
    /// How blocks are pooled.
    pub pooling: TimePooling,
    /// Dropout before the classifier.
    pub dropout: f64,
    /// Longest text read, in tokens.
    pub max_length: usize,
}

struct Block {
    convolution: Affine,
    projection: Option<Affine>,
}

/// The model.
pub struct TextCnn {
    config: TextCnnConfig,
    store: ParameterStore,
    embedding: ParameterId,
    blocks: Vec<Block>,
    classifier: Affine,
    /// The folded tables of the blocks that read the word vectors, once [`TextCnn::fold`] made them.
    folded: Vec<Tensor>,
}

impl TextCnn {
    /// A model with random weights drawn from the seed.
    ///
    /// # Errors
    /// If a size is zero, or the device cannot hold it.
    pub fn new(config: TextCnnConfig, seed: u64, device: &Device) -> Result<Self> {
        check(&config)?;
        let mut store = StoreBuilder::new(seed);
        // Kim 2014: as wide as pretrained vectors.
        let table = [config.vocabulary_size, config.embedding_size];
        let embedding = store.uniform("embedding.weight", table, 0.25);
        let channels = config.channels;
        let mut blocks = Vec::new();
        for (k, &kernel_size) in config.kernel_sizes.iter().enumerate() {
            let reads_embedding = k == 0 || config.topology == Topology::Parallel;
            let width = if reads_embedding {
                config.embedding_size
            } else {
                channels
            };
            let name = format!("blocks.{k}");
            let convolution = Affine::new(
                &mut store,
                &format!("{name}.convolution"),
                kernel_size * width,
                channels,
            );
            let projection = (config.pooling == TimePooling::MaxMean).then(|| {
                Affine::new(
                    &mut store,
                    &format!("{name}.pooling"),
                    2 * channels,
                    channels,
                )
            });
            blocks.push(Block {
                convolution,
                projection,
            });
        }
        let classifier = Affine::new(
            &mut store,
            "classifier",
            channels * blocks.len(),
            config.classes,
        );
        Ok(TextCnn {
            store: store.build(device)?,
            config,
            embedding,
            blocks,
            classifier,
            folded: Vec::new(),
        })
    }

    /// Its sizes.
    pub fn config(&self) -> &TextCnnConfig {
        &self.config
    }

    /// Logits and levels, and the states if they are to be kept or the blocks need them.
    fn run(&self, tape: &Tape, batch: &TokenBatch, keep_states: bool) -> Result<Output> {
        let (levels, states) = self.levels(tape, batch, keep_states)?;
        let logits = tape.scope("classifier", || {
            self.score(tape, &joined(tape, &levels)?, batch)
        })?;
        Ok(Output {
            logits,
            levels,
            states,
        })
    }

    /// The pooled output of every block, and the states.
    fn levels(
        &self,
        tape: &Tape,
        batch: &TokenBatch,
        keep_states: bool,
    ) -> Result<(Vec<Var>, Vec<Var>)> {
        let table = tape.parameter(&self.store, self.embedding);
        let embedded = tape.scope("embedding", || embedding(tape, &table, &batch.rows, None))?;
        let mut states = vec![embedded];
        let mut levels = Vec::new();
        let only_largest = self.config.pooling == TimePooling::Max && !keep_states;
        for (k, block) in self.blocks.iter().enumerate() {
            tape.scope(&format!("block {k}"), || {
                let (below, read) = match self.config.topology {
                    Topology::Stacked => (&states[k], k + 1 < self.blocks.len()),
                    Topology::Parallel => (&states[0], false),
                };
                if only_largest && !read {
                    levels.push(self.convolve_and_pool(tape, k, below, batch)?);
                    return Ok(());
                }
                let output = self.convolve(tape, k, below, batch)?;
                levels.push(self.pool(tape, block, &output, batch)?);
                states.push(output);
                Ok(())
            })?;
        }
        Ok((levels, states))
    }

    fn score(&self, tape: &Tape, joined: &Var, batch: &TokenBatch) -> Result<Var> {
        let (rate, samples) = (self.config.dropout, batch.packed.samples());
        let dropped = dropout(tape, joined, samples, rate, "text_cnn.classifier")?;
        self.classifier.apply(tape, &self.store, &dropped, None)
    }

    /// A block of which nothing but its largest values is wanted.
    fn convolve_and_pool(
        &self,
        tape: &Tape,
        k: usize,
        input: &Var,
        batch: &TokenBatch,
    ) -> Result<Var> {
        let (weight, bias) = self.convolution(tape, k);
        let (relu, kernel_size) = (Some(Activation::Relu), self.config.kernel_sizes[k]);
        let (packed, residual) = (&batch.packed, self.is_residual(input));
        conv1d_max(
            tape,
            input,
            &weight,
            &bias,
            relu,
            packed,
            kernel_size,
            residual,
        )
    }

    /// Whether a block's input is added to its output.
    fn is_residual(&self, input: &Var) -> bool {
        self.config.topology == Topology::Stacked && input.shape().columns() == self.config.channels
    }

    fn convolution(&self, tape: &Tape, k: usize) -> (Var, Var) {
        let Affine { weight, bias } = self.blocks[k].convolution;
        let parameter = |id| tape.parameter(&self.store, id);
        (parameter(weight), parameter(bias))
    }

    fn convolve(&self, tape: &Tape, k: usize, input: &Var, batch: &TokenBatch) -> Result<Var> {
        let (weight, bias) = self.convolution(tape, k);
        let kernel_size = self.config.kernel_sizes[k];
        let relu = Some(Activation::Relu);
        let output = conv1d(
            tape,
            input,
            &weight,
            Some(&bias),
            relu,
            &batch.packed,
            kernel_size,
        )?;
        if self.is_residual(input) {
            add(tape, &output, input)
        } else {
            Ok(output)
        }
    }

    fn pool(&self, tape: &Tape, block: &Block, output: &Var, batch: &TokenBatch) -> Result<Var> {
        let packed = &batch.packed;
        match (&self.config.pooling, &block.projection) {
            (TimePooling::Mean, _) => mean_over_time(tape, output, packed),
            (TimePooling::MaxMean, Some(projection)) => {
                let largest = max_over_time(tape, output, packed)?;
                let mean = mean_over_time(tape, output, packed)?;
                let both = concat(tape, &[&largest, &mean])?;
                projection.apply(tape, &self.store, &both, None)
            }
            _ => max_over_time(tape, output, packed),
        }
    }
}

impl Classifier for TextCnn {
    fn parameters(&self) -> &ParameterStore {
        &self.store
    }

    fn parameters_mut(&mut self) -> &mut ParameterStore {
        self.folded.clear();
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
        if !self.folded.is_empty() && !tape.is_recording() {
            return self.run_folded(tape, batch);
        }
        self.run(tape, batch, false)
    }

    fn forward_with_states(&self, tape: &Tape, batch: &Batch) -> Result<Output> {
        self.run(tape, batch.tokens()?, true)
    }

    fn represent(&self, tape: &Tape, batch: &Batch) -> Result<Var> {
        let (levels, _) = self.levels(tape, batch.tokens()?, false)?;
        joined(tape, &levels)
    }

    fn classify(&self, tape: &Tape, batch: &Batch, representation: &Var) -> Result<Var> {
        tape.scope("classifier", || {
            self.score(tape, representation, batch.tokens()?)
        })
    }

    fn fold(&mut self) -> Result<Option<usize>> {
        self.folded = folded::tables(self)?;
        Ok(Some(
            self.folded.iter().map(|table| table.meta().bytes()).sum(),
        ))
    }

    fn is_embedding(&self, name: &str) -> bool {
        name == "embedding.weight"
    }

    fn batch(&self, texts: &[&Encoded], first_sample: u32) -> Result<Batch> {
        let vocabulary = (self.config.vocabulary, self.config.vocabulary_size);
        let device = self.store.device();
        Batch::of_tokens(
            device,
            texts,
            vocabulary,
            self.config.max_length,
            first_sample,
        )
    }
}

/// What the classifier reads: the pooled outputs of all blocks.
fn joined(tape: &Tape, levels: &[Var]) -> Result<Var> {
    concat(tape, &levels.iter().collect::<Vec<_>>())
}

fn check(config: &TextCnnConfig) -> Result<()> {
    let sizes = [
        ("vocabulary_size", config.vocabulary_size),
        ("classes", config.classes),
        ("embedding_size", config.embedding_size),
        ("channels", config.channels),
        ("kernel_sizes", config.kernel_sizes.len()),
        ("max_length", config.max_length),
        (
            "kernel size",
            config.kernel_sizes.iter().copied().min().unwrap_or(0),
        ),
    ];
    match sizes.iter().find(|(_, size)| *size == 0) {
        None => Ok(()),
        Some((name, _)) => Err(Error::Shape {
            operator: "text_cnn",
            message: format!("{name} must be at least 1"),
        }),
    }
}
