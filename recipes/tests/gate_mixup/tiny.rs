//! A run that takes a fraction of a second, and what tests look at.

use limbeck_engine::Device;
use limbeck_recipes::config::{self, ConfigError, GateMixupRun, Override, Run};
use limbeck_recipes::gate_mixup::{Taught, distill};
use limbeck_recipes::text::{Encoder, TextClassifier};
use limbeck_recipes::{Labelled, RunContext, RunData};
use limbeck_training::interrupt::Interrupt;

pub(crate) const TINY: &str = r#"
task = "gate_mixup"
seed = 3
[data]
format = "corpus"
[data.corpus]
train_size = 120
test_size = 30
[teacher]
embedding_size = 12
hidden_size = 16
dropout = 0.1
[student]
hidden_size = 16
layers = 1
heads = 2
feed_forward_size = 24
[training.teacher]
length = "8 epochs"
batch_size = 16
learning_rate = 0.02
[training.student]
length = "8 epochs"
batch_size = 16
learning_rate = 0.01
[training.mutual]
length = "2 epochs"
batch_size = 16
"#;

pub(crate) fn parse(overrides: &[&str]) -> Result<GateMixupRun, ConfigError> {
    let overrides: Vec<Override> = overrides
        .iter()
        .map(|o| o.parse().expect("an override"))
        .collect();
    match config::parse("tiny.toml", TINY, &overrides)? {
        Run::GateMixup(run) => Ok(*run),
        _ => unreachable!("the task is gate_mixup"),
    }
}

pub(crate) fn data(run: &GateMixupRun) -> RunData {
    RunData::read(&run.data, run.seed).expect("the built-in corpus")
}

pub(crate) fn run(overrides: &[&str]) -> Taught {
    let run = parse(overrides).expect("a valid run file");
    let (device, interrupt) = (Device::cpu(), Interrupt::new());
    let mut context = RunContext::in_memory(&device, run.seed, &interrupt);
    distill(&run, &data(&run), &mut context).expect("a finished run")
}

/// Teacher and student with random weights.
pub(crate) fn models(run: &GateMixupRun, data: &RunData, device: &Device) -> [TextClassifier; 2] {
    [&run.student, &run.teacher].map(|model| {
        let encoder =
            Encoder::train(model, &run.data, false, &data.labelled.texts).expect("an encoder");
        let classes = &data.labelled.classes;
        let head = limbeck_models::Head::Pooled;
        TextClassifier::new(model, head, encoder, classes, run.seed, device).expect("a model")
    })
}

pub(crate) fn labelled(classifier: &TextClassifier, data: &RunData) -> [Labelled; 2] {
    [&data.labelled, &data.dev].map(|set| Labelled::new(classifier.encoder(), set))
}

/// A digest of the bits of every parameter.
pub(crate) fn weights(classifier: &TextClassifier) -> u64 {
    let read = classifier.model().parameters().values().read();
    let mix =
        |sum: u64, value: f32| (sum ^ u64::from(value.to_bits())).wrapping_mul(0x100_0000_01b3);
    let values = read.expect("weights").concat();
    values.into_iter().fold(0xcbf2_9ce4_8422_2325, mix)
}
