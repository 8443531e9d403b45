//! Whole training steps (forward, backward, update) of the canonical workloads.
//! `cargo bench --bench steps`

use divan::Bencher;
use limbeck::engine::{Device, Fingerprint, ParameterVector, Tape, TokenIds};
use limbeck::losses::hard_cross_entropy;
use limbeck::models::{
    Classifier, Encoded, Head, NormPosition, TextCnn, TextCnnConfig, TextPooling, TimePooling,
    Topology, Transformer, TransformerConfig,
};
use limbeck::training::optimizer::{Optimizer, OptimizerConfig};

const VOCABULARY: Fingerprint = Fingerprint(1);
const VOCABULARY_SIZE: usize = 8000;
const LENGTH: usize = 64;
const CLASSES: usize = 8;

fn main() {
    divan::main();
}

/// W1: Transformer of 4 layers of 256, batch 32, AdamW.
#[divan::bench(sample_count = 10)]
fn w1_transformer(bencher: Bencher<'_, '_>) {
    let config = TransformerConfig {
        vocabulary_size: VOCABULARY_SIZE,
        vocabulary: VOCABULARY,
        classes: CLASSES,
        hidden_size: 256,
        layers: 4,
        heads: 4,
        feed_forward_size: 1024,
        dropout: 0.1,
        attention_dropout: 0.1,
        norm: NormPosition::Post,
        pooling: TextPooling::Mean,
        max_positions: LENGTH,
        head: Head::Pooled,
    };
    let model = Transformer::new(config, 1, &Device::cpu()).expect("valid sizes");
    Step::new(Box::new(model), 32, 0.01).bench(bencher);
}

/// W3: Kim's TextCNN, widths 3, 4, 5 of 100 channels, batch 64, Adam.
#[divan::bench(sample_count = 20)]
fn w3_text_cnn(bencher: Bencher<'_, '_>) {
    let model = text_cnn(Topology::Parallel, vec![3, 4, 5], 100, TimePooling::Max);
    Step::new(Box::new(model), 64, 0.0).bench(bencher);
}

/// W3b: four residual convolutions of 128 channels, widths 3, 5, 7, 9, batch 64, Adam.
#[divan::bench(sample_count = 20)]
fn w3b_residual_cnn(bencher: Bencher<'_, '_>) {
    let model = text_cnn(Topology::Stacked, vec![3, 5, 7, 9], 128, TimePooling::Max);
    Step::new(Box::new(model), 64, 0.0).bench(bencher);
}

fn text_cnn(
    topology: Topology,
    kernel_sizes: Vec<usize>,
    channels: usize,
    pooling: TimePooling,
) -> TextCnn {
    let config = TextCnnConfig {
        vocabulary_size: VOCABULARY_SIZE,
        vocabulary: VOCABULARY,
        classes: CLASSES,
        embedding_size: 128,
        channels,
        kernel_sizes,
        topology,
        pooling,
        dropout: 0.5,
        max_length: LENGTH,
    };
    TextCnn::new(config, 1, &Device::cpu()).expect("valid sizes")
}

/// A model with its optimiser and one batch of random tokens.
struct Step {
    model: Box<dyn Classifier>,
    optimizer: Optimizer,
    gradients: ParameterVector,
    texts: Vec<Encoded>,
    labels: Vec<u32>,
    number: u32,
}

impl Step {
    fn new(model: Box<dyn Classifier>, batch_size: usize, weight_decay: f64) -> Self {
        let config = OptimizerConfig::AdamW {
            betas: [0.9, 0.999],
            epsilon: 1e-8,
            weight_decay,
        };
        let store = model.parameters();
        let random = limbeck::engine::Stream::new(1, "tokens", 0);
        let text = |sample: usize| {
            let id = |t: usize| random.word(sample as u32, t as u32, 0) % VOCABULARY_SIZE as u32;
            Encoded::Tokens(TokenIds::new((0..LENGTH).map(id).collect(), VOCABULARY))
        };
        Step {
            optimizer: Optimizer::new(store, &config, None).expect("memory"),
            gradients: store.zeros().expect("memory"),
            texts: (0..batch_size).map(text).collect(),
            labels: (0..batch_size).map(|i| (i % CLASSES) as u32).collect(),
            model,
            number: 0,
        }
    }

    fn run(&mut self) -> limbeck::training::Result<()> {
        let texts: Vec<&Encoded> = self.texts.iter().collect();
        let tape = Tape::training(self.model.device(), 1, self.number);
        let batch = self.model.batch(&texts, 0)?;
        let logits = self.model.forward(&tape, &batch)?.logits;
        let loss = hard_cross_entropy(&tape, &logits, &self.labels)?;
        self.gradients.fill_zero()?;
        let unreached = tape.backward(&loss, &mut [&mut self.gradients])?;
        unreached.refuse(&[self.model.parameters()])?;
        self.optimizer
            .update(self.model.parameters_mut(), &self.gradients, 1e-3)?;
        self.number += 1;
        Ok(())
    }

    /// Inside a pool, as the program runs it: joining a pool from outside costs a wake-up.
    fn bench(mut self, bencher: Bencher<'_, '_>) {
        let pool = rayon::ThreadPoolBuilder::new().build().expect("threads");
        bencher.bench_local(|| pool.install(|| self.run().expect("a step")));
    }
}
