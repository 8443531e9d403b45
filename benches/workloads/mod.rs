//! The canonical workloads: whole training steps (forward, backward, update) of three models.

use limbeck::engine::{Device, Fingerprint, ParameterVector, Stream, Tape, TokenIds};
use limbeck::losses::hard_cross_entropy;
use limbeck::models::{
    Classifier, Encoded, Head, NormPosition, TextCnn, TextCnnConfig, TextPooling, TimePooling,
    Topology, Transformer, TransformerConfig,
};
use limbeck::training::Result;
use limbeck::training::optimizer::{Optimizer, OptimizerConfig};

const VOCABULARY: Fingerprint = Fingerprint(1);
const VOCABULARY_SIZE: usize = 8000;
const LENGTH: usize = 64;
const CLASSES: usize = 8;

/// W1: Transformer of 4 layers of 256, batch 32, AdamW.
pub(crate) fn w1_transformer(device: &Device) -> Result<Step> {
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
    let model = Transformer::new(config, 1, device)?;
    Step::new(Box::new(model), 32, 0.01)
}

/// W3: Kim's TextCNN, widths 3, 4, 5 of 100 channels, batch 64, Adam.
pub(crate) fn w3_text_cnn(device: &Device) -> Result<Step> {
    text_cnn(device, Topology::Parallel, vec![3, 4, 5], 100)
}

/// W3b: four residual convolutions of 128 channels, widths 3, 5, 7, 9, batch 64, Adam.
pub(crate) fn w3b_residual_cnn(device: &Device) -> Result<Step> {
    text_cnn(device, Topology::Stacked, vec![3, 5, 7, 9], 128)
}

fn text_cnn(
    device: &Device,
    topology: Topology,
    kernel_sizes: Vec<usize>,
    channels: usize,
) -> Result<Step> {
    let config = TextCnnConfig {
        vocabulary_size: VOCABULARY_SIZE,
        vocabulary: VOCABULARY,
        classes: CLASSES,
        embedding_size: 128,
        channels,
        kernel_sizes,
        topology,
        pooling: TimePooling::Max,
        dropout: 0.5,
        max_length: LENGTH,
    };
    Step::new(Box::new(TextCnn::new(config, 1, device)?), 64, 0.0)
}

/// A model with its optimiser and one batch of random tokens.
pub(crate) struct Step {
    model: Box<dyn Classifier>,
    optimizer: Optimizer,
    gradients: ParameterVector,
    texts: Vec<Encoded>,
    labels: Vec<u32>,
    number: u32,
}

impl Step {
    fn new(model: Box<dyn Classifier>, batch_size: usize, weight_decay: f64) -> Result<Self> {
        let config = OptimizerConfig::AdamW {
            betas: [0.9, 0.999],
            epsilon: 1e-8,
            weight_decay,
        };
        let store = model.parameters();
        let random = Stream::new(1, "tokens", 0);
        let text = |sample: usize| {
            let id = |t: usize| random.word(sample as u32, t as u32, 0) % VOCABULARY_SIZE as u32;
            Encoded::Tokens(TokenIds::new((0..LENGTH).map(id).collect(), VOCABULARY))
        };
        Ok(Step {
            optimizer: Optimizer::new(store, &config, None)?,
            gradients: store.zeros()?,
            texts: (0..batch_size).map(text).collect(),
            labels: (0..batch_size).map(|i| (i % CLASSES) as u32).collect(),
            model,
            number: 0,
        })
    }

    /// One training step; on a GPU it is recorded, and not yet submitted.
    pub(crate) fn run(&mut self) -> Result<()> {
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
}
