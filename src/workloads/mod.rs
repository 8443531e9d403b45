//! The canonical workloads, for measuring: training steps and inference of four models on random
//! tokens. `limbeck bench`, the benchmarks and the tests that count a GPU's dispatches share them.
//!
//! | name | model | batch | update |
//! |---|---|---|---|
//! | `w1` | Transformer, 4 layers of 256, 4 heads, feed-forward 1024, dropout 0.1, after-norm, mean pooling | 32 | AdamW |
//! | `w2` | TextGCN, 15,000 nodes, 1.5 million entries of the adjacency, hidden size 200, dropout 0.5 | 5,000 documents | Adam |
//! | `w3` | TextCNN of Kim, widths 3, 4, 5 of 100 channels, dropout 0.5 | 64 | Adam |
//! | `w3b` | four residual convolutions of 128 channels, widths 3, 5, 7, 9 | 64 | Adam |
//! | `w4` | LSTM language model, 2 layers of 650, dropout 0.5, NCE with 64 noise words | 20 | SGD, clipped at 5 |
//! | `w4f` | the same with a softmax over all words | 20 | SGD, clipped at 5 |
//!
//! `w1`, `w3` and `w3b` read 64 tokens of a vocabulary of 8,000, the language model 35 tokens of each
//! of its columns, of a vocabulary of 10,000; classifiers tell 8 classes apart; eight batches take
//! turns. `w1-infer1`, `w3-infer64` and the like predict batches of that size.

mod graph;
mod language;
mod models;
mod trajectory;

use std::str::FromStr;
use std::sync::Arc;

use limbeck_engine::{Device, ParameterVector, Profile, Stream, Tape, TokenIds, Var};
use limbeck_losses::hard_cross_entropy;
use limbeck_models::{Classifier, CorpusAdjacency, Encoded};
use limbeck_training::Result;
use limbeck_training::optimizer::{Optimizer, OptimizerConfig};
use limbeck_training::tensors::Values;

use language::LanguageBench;
pub use models::Model;
use models::{CLASSES, LENGTH, VOCABULARY, VOCABULARY_SIZE};
use trajectory::Record;
pub use trajectory::Trajectory;

/// What is done over and over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Forward, backward, update.
    Train,
    /// Predictions for this many texts.
    Infer(usize),
}

/// A model and what is done with it.
///
/// ```
/// use limbeck::workloads::{Model, Work, Workload};
/// let workload: Workload = "w3-infer64".parse()?;
/// assert_eq!(workload, Workload { model: Model::W3, work: Work::Infer(64) });
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workload {
    /// The model.
    pub model: Model,
    /// What is done.
    pub work: Work,
}

impl Workload {
    /// Training steps of a model.
    pub fn training(model: Model) -> Self {
        let work = Work::Train;
        Self { model, work }
    }

    /// The graph that `w2` reads.
    fn graph(self, changes: Changes) -> Option<CorpusAdjacency> {
        (self.model == Model::W2).then(|| graph::adjacency(&changes))
    }
}

impl FromStr for Workload {
    type Err = String;

    fn from_str(name: &str) -> std::result::Result<Self, String> {
        let (model, work) = match name.split_once("-infer") {
            None => (name, Some(Work::Train)),
            Some((model, size)) => {
                let size = size.parse().ok().filter(|&size| size > 0);
                (model, size.map(Work::Infer))
            }
        };
        let model = Model::ALL.into_iter().find(|m| m.name() == model);
        model
            .zip(work)
            .filter(|(model, work)| *work == Work::Train || model.reads_texts())
            .map(|(model, work)| Self { model, work })
            .ok_or_else(|| {
                format!(
                    "expected w1, w2, w3, w3b, w4 or w4f, or w1, w3 or w3b with -inferN for \
                     predictions of N texts, found \"{name}\""
                )
            })
    }
}

impl std::fmt::Display for Workload {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let model = self.model.name();
        match self.work {
            Work::Train => formatter.write_str(model),
            Work::Infer(size) => write!(formatter, "{model}-infer{size}"),
        }
    }
}

/// What is changed about a workload, to see how its cost grows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Changes {
    /// Another dropout rate.
    pub dropout: Option<f64>,
    /// Another number of texts in a batch.
    pub batch_size: Option<usize>,
    /// Another number of tokens in a text.
    pub length: Option<usize>,
    /// Another number of words, of a language model.
    pub vocabulary_size: Option<usize>,
    /// Another width of the layers, of a language model.
    pub hidden_size: Option<usize>,
    /// Another number of nodes, of the graph network.
    pub nodes: Option<usize>,
    /// Another number of entries of the adjacency, of the graph network.
    pub edges: Option<usize>,
}

/// Eight batches, used in turn.
const BATCHES: usize = 8;

struct Batch {
    texts: Vec<Encoded>,
    labels: Vec<u32>,
}

/// A workload on a device.
pub struct Bench {
    subject: Subject,
    profile: Option<Arc<Profile>>,
}

enum Subject {
    Classifier(Box<ClassifierBench>),
    Language(Box<LanguageBench>),
}

/// A classifier, and the batches it reads.
struct ClassifierBench {
    model: Box<dyn Classifier>,
    optimizer: Optimizer,
    gradients: ParameterVector,
    batches: Vec<Batch>,
    work: Work,
    number: usize,
}

impl Bench {
    /// Makes the model and its batches.
    ///
    /// # Errors
    /// If a size is 0, the rate is not below 1, or the device cannot hold the model.
    pub fn new(workload: Workload, changes: Changes, device: &Device) -> Result<Self> {
        let subject = match workload.model {
            Model::W4 | Model::W4f => {
                let samples = workload.model == Model::W4;
                Subject::Language(Box::new(LanguageBench::new(samples, changes, device)?))
            }
            Model::W1 | Model::W2 | Model::W3 | Model::W3b => {
                let bench = ClassifierBench::new(workload, changes, device)?;
                Subject::Classifier(Box::new(bench))
            }
        };
        Ok(Self {
            subject,
            profile: None,
        })
    }

    /// Adds the costs of later steps to `profile`.
    pub fn measure(&mut self, profile: &Arc<Profile>) {
        self.profile = Some(Arc::clone(profile));
    }

    /// Folds the model's tables, and returns the bytes they take; none if it has nothing to fold.
    ///
    /// # Errors
    /// If the device cannot hold them.
    pub fn fold(&mut self) -> Result<Option<usize>> {
        match &mut self.subject {
            Subject::Classifier(bench) => Ok(bench.model.fold()?),
            Subject::Language(_) => Ok(None),
        }
    }

    /// The next step with what it gives, the loss or the first class score: on a GPU this waits
    /// for the work to be done.
    ///
    /// # Errors
    /// If the device failed.
    pub fn run(&mut self) -> Result<f64> {
        Ok(self.step()?.tensor().read_f64()?[0])
    }

    /// The next step; on a GPU it is recorded, and not yet submitted.
    ///
    /// # Errors
    /// If the device failed.
    pub fn record(&mut self) -> Result<()> {
        self.step().map(|_| ())
    }

    fn step(&mut self) -> Result<Var> {
        let profile = self.profile.as_ref();
        match &mut self.subject {
            Subject::Classifier(bench) => bench.step(profile),
            Subject::Language(bench) => bench.train(profile),
        }
    }
}

impl ClassifierBench {
    fn new(workload: Workload, changes: Changes, device: &Device) -> Result<Self> {
        let length = changes.length.unwrap_or(LENGTH);
        let model = match workload.model {
            Model::W2 => graph::network(&changes, device)?,
            model => model.build(changes.dropout, length, device)?,
        };
        let config = OptimizerConfig::AdamW {
            betas: [0.9, 0.999],
            epsilon: 1e-8,
            weight_decay: workload.model.weight_decay(),
        };
        let texts = match workload.work {
            Work::Train => workload.model.batch_size(),
            Work::Infer(size) => size,
        };
        let texts = changes.batch_size.unwrap_or(texts);
        let nodes = (workload.model == Model::W2).then(|| graph::nodes(&changes));
        let store = model.parameters();
        Ok(Self {
            optimizer: Optimizer::new(store, &config, None)?,
            gradients: store.zeros()?,
            batches: (0..BATCHES)
                .map(|number| batch(number, texts, length, nodes))
                .collect(),
            work: workload.work,
            model,
            number: 0,
        })
    }

    /// What the first `updates` updates start from and read.
    fn record(&self, updates: usize, record: &mut Record) -> Result<()> {
        record.parameters(self.model.parameters())?;
        for number in 0..updates {
            let batch = &self.batches[number % BATCHES];
            record.list(&format!("batches.{number}.labels"), batch.labels.clone())?;
            let (mut words, mut documents) = (Vec::new(), Vec::new());
            for text in &batch.texts {
                match text {
                    Encoded::Tokens(tokens) => words.extend_from_slice(tokens.ids()),
                    Encoded::Document(document) => documents.extend(document.number),
                    _ => {}
                }
            }
            if documents.is_empty() {
                let shape = [batch.texts.len(), words.len() / batch.texts.len()];
                record.add(
                    &format!("batches.{number}.tokens"),
                    &shape,
                    Values::U32(words),
                )?;
            } else {
                record.list(&format!("batches.{number}.documents"), documents)?;
            }
        }
        Ok(())
    }

    fn step(&mut self, profile: Option<&Arc<Profile>>) -> Result<Var> {
        let tape = match self.work {
            Work::Train => Tape::training(self.model.device(), 1, self.number as u32),
            Work::Infer(_) => Tape::inference(self.model.device()),
        };
        if let Some(profile) = profile {
            tape.measure(profile);
        }
        let batch = &self.batches[self.number % BATCHES];
        let texts: Vec<&Encoded> = batch.texts.iter().collect();
        self.number += 1;
        let inputs = self.model.batch(&texts, 0)?;
        let logits = self.model.forward(&tape, &inputs)?.logits;
        if let Work::Infer(_) = self.work {
            return Ok(logits);
        }
        let loss = hard_cross_entropy(&tape, &logits, &batch.labels)?;
        self.gradients.fill_zero()?;
        let unreached = tape.backward(&loss, &mut [&mut self.gradients])?;
        unreached.refuse(&[self.model.parameters()])?;
        let store = self.model.parameters_mut();
        self.optimizer.update(store, &self.gradients, 1e-3)?;
        Ok(loss)
    }
}

/// Random texts, or, of a graph of so many nodes, random documents.
fn batch(number: usize, texts: usize, length: usize, nodes: Option<usize>) -> Batch {
    let random = Stream::new(1, "workload", number as u32);
    let text = |sample: usize| {
        if let Some(nodes) = nodes {
            return graph::document(random.word(sample as u32, 0, 0) % nodes as u32);
        }
        let id = |t: usize| random.word(sample as u32, t as u32, 0) % VOCABULARY_SIZE as u32;
        Encoded::Tokens(TokenIds::new((0..length).map(id).collect(), VOCABULARY))
    };
    let label = |sample: usize| random.word(sample as u32, 0, 1) % CLASSES as u32;
    Batch {
        texts: (0..texts).map(text).collect(),
        labels: (0..texts).map(label).collect(),
    }
}
