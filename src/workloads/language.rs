//! The recurrent language model of the workloads.

use limbeck_engine::{Device, ParameterVector, Profile, Stream, Tape, TimeMajor, Var};
use limbeck_kernels::{Candidates, nce};
use limbeck_losses::{hard_cross_entropy, mean_over_samples};
use limbeck_models::language::{LanguageModel, LanguageModelConfig, LnZ, State, Unit};
use limbeck_recipes::nce_lm::NoiseLaw;
use limbeck_training::Result;
use limbeck_training::optimizer::{Optimizer, OptimizerConfig};
use limbeck_training::tensors::Values;

use super::models::VOCABULARY;
use super::{Changes, Record};

const WORDS: usize = 10_000;
const HIDDEN_SIZE: usize = 650;
const COLUMNS: usize = 20;
const POSITIONS: usize = 35;
const NOISE_SIZE: usize = 64;
const MAX_NORM: f32 = 5.0;

/// Stretches of text that take turns.
const STRETCHES: usize = 8;

/// A language model, and what it is trained on.
pub(super) struct LanguageBench {
    model: LanguageModel,
    optimizer: Optimizer,
    gradients: ParameterVector,
    /// The law of the noise words; none with the softmax over all words.
    law: Option<NoiseLaw>,
    /// Inputs and targets.
    stretches: Vec<[Vec<u32>; 2]>,
    steps: TimeMajor,
    state: State,
    columns: usize,
    number: usize,
}

impl LanguageBench {
    pub(super) fn new(samples: bool, changes: Changes, device: &Device) -> Result<Self> {
        let words = changes.vocabulary_size.unwrap_or(WORDS);
        let hidden_size = changes.hidden_size.unwrap_or(HIDDEN_SIZE);
        let columns = changes.batch_size.unwrap_or(COLUMNS);
        let positions = changes.length.unwrap_or(POSITIONS);
        let config = LanguageModelConfig {
            vocabulary_size: words,
            vocabulary: VOCABULARY,
            unit: Unit::Lstm,
            layers: 2,
            embedding_size: hidden_size,
            hidden_size,
            dropout: changes.dropout.unwrap_or(0.5),
            variational: false,
            weight_drop: 0.0,
            tied: false,
            initial_range: 0.05,
            row_sparse: samples,
            ln_z: LnZ::Constant(0.0),
        };
        let model = LanguageModel::new(config, vec![0.0; words], 1, device)?;
        let store = model.parameters();
        let sgd = OptimizerConfig::Sgd {
            momentum: 0.0,
            weight_decay: 0.0,
        };
        let weights: Vec<f64> = (1..=words).map(|rank| 1.0 / rank as f64).collect();
        Ok(LanguageBench {
            optimizer: Optimizer::new(store, &sgd, Some(MAX_NORM))?,
            gradients: store.zeros()?,
            law: samples.then(|| NoiseLaw::new(&weights)),
            stretches: (0..STRETCHES)
                .map(|number| stretch(number, columns * positions, words))
                .collect(),
            steps: TimeMajor::new(device, &vec![positions; columns], 0, 0)?,
            state: model.initial_state(columns)?,
            columns,
            number: 0,
            model,
        })
    }

    /// What the first `updates` updates start from and read.
    pub(super) fn record(&self, updates: usize, record: &mut Record) -> Result<()> {
        record.parameters(self.model.parameters())?;
        for number in 0..updates {
            let [inputs, targets] = &self.stretches[number % STRETCHES];
            for (name, words) in [("inputs", inputs), ("targets", targets)] {
                let shape = [words.len() / self.columns, self.columns];
                let values = Values::U32(words.clone());
                record.add(&format!("batches.{number}.{name}"), &shape, values)?;
            }
            if let Some(noise) = self.noise(number) {
                record.list(&format!("batches.{number}.noise"), noise)?;
            }
        }
        Ok(())
    }

    /// The noise words of a step.
    fn noise(&self, number: usize) -> Option<Vec<u32>> {
        let law = self.law.as_ref()?;
        Some(law.draw(1, number as u64, 0, NOISE_SIZE))
    }

    /// The loss of the next stretch. Nothing of the tape but this outlives it: parameters that a variable
    /// still shares would be copied by the update.
    fn loss(&mut self, tape: &Tape) -> Result<Var> {
        let device = self.model.parameters().device();
        let [inputs, targets] = &self.stretches[self.number % STRETCHES];
        let noise = self.noise(self.number);
        let words = [targets.as_slice(), noise.as_deref().unwrap_or_default()].concat();
        let tables = self.model.tables(tape, inputs, &words)?;
        let state = self.state.constants(tape);
        let (hidden, after) = self
            .model
            .read(tape, &tables, inputs, &self.steps, &state)?;
        let loss = match &self.law {
            None => {
                let logits = self.model.logits(tape, &tables, &hidden)?;
                hard_cross_entropy(tape, &logits, targets)?
            }
            Some(law) => {
                let ln_k = (NOISE_SIZE as f32).ln();
                let offsets: Vec<f32> = words.iter().map(|&w| ln_k + law.ln_q(w)).collect();
                let candidates = Candidates::new(device, &words, &offsets, false)?;
                let (target, noise) = self.model.scores(tape, &tables, &hidden, &words)?;
                let ln_z = self.model.ln_z(tape)?;
                let rows = nce(tape, (&target, &noise), &candidates, &ln_z)?;
                mean_over_samples(tape, &rows)?
            }
        };
        self.state = after.value();
        Ok(loss)
    }

    pub(super) fn train(&mut self, profile: Option<&std::sync::Arc<Profile>>) -> Result<Var> {
        let device = self.model.parameters().device().clone();
        let tape = Tape::training(&device, 1, self.number as u32);
        if let Some(profile) = profile {
            tape.measure(profile);
        }
        let loss = self.loss(&tape)?;
        self.gradients.fill_zero()?;
        let unreached = tape.backward(&loss, &mut [&mut self.gradients])?;
        unreached.refuse(&[self.model.parameters()])?;
        let store = self.model.parameters_mut();
        self.optimizer.update(store, &self.gradients, 1.0)?;
        self.number += 1;
        Ok(loss)
    }
}

/// Random words.
fn stretch(number: usize, count: usize, words: usize) -> [Vec<u32>; 2] {
    let random = Stream::new(1, "stretch", number as u32);
    [0, 1].map(|list| {
        let word = |at: u32| random.word(at, 0, list) % words as u32;
        (0..count as u32).map(word).collect()
    })
}
