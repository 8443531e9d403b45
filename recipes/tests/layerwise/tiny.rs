//! A run that takes a fraction of a second, and what tests look at.

use limbeck_engine::Device;
use limbeck_recipes::config::{self, LayerwiseRun, Override, Run};
use limbeck_recipes::layerwise::{Distilled, distill};
use limbeck_recipes::text::TextClassifier;
use limbeck_recipes::{RunContext, RunData};
use limbeck_training::interrupt::Interrupt;

pub(crate) const TINY: &str = r#"
task = "layerwise"
preset = "tuned"
seed = 3
[data]
format = "corpus"
labelled_fraction = 0.2
[data.corpus]
train_size = 160
test_size = 40
[pairs]
source = "corpus"
[teacher]
kind = "transformer"
hidden_size = 16
layers = 2
heads = 2
feed_forward_size = 24
[student]
channels = 8
embedding_size = 12
kernel_sizes = [2, 3]
[training]
unlabelled_batch_size = 4
[training.teacher]
length = "6 steps"
batch_size = 8
[training.student]
length = "6 steps"
batch_size = 8
"#;

pub(crate) fn run_file(overrides: &[&str]) -> LayerwiseRun {
    let overrides: Vec<Override> = overrides
        .iter()
        .map(|o| o.parse().expect("an override"))
        .collect();
    match config::parse("tiny.toml", TINY, &overrides).expect("a valid run file") {
        Run::Layerwise(run) => *run,
        _ => unreachable!("the task is layerwise"),
    }
}

pub(crate) fn run(overrides: &[&str]) -> Distilled {
    let run = run_file(overrides);
    let (device, interrupt) = (Device::cpu(), Interrupt::new());
    let data = RunData::read(&run.data, run.seed).expect("the built-in corpus");
    let mut context = RunContext::in_memory(&device, run.seed, &interrupt);
    distill(&run, &data, &mut context).expect("a finished run")
}

/// A digest of the bits of every parameter, short enough for a failed comparison to print.
pub(crate) fn weights(classifier: &TextClassifier) -> Vec<(String, u64)> {
    let read = classifier.model().parameters().read().expect("weights");
    let digest = |values: Vec<f32>| {
        let mix =
            |sum: u64, value: f32| (sum ^ u64::from(value.to_bits())).wrapping_mul(0x100_0000_01b3);
        values.into_iter().fold(0xcbf2_9ce4_8422_2325, mix)
    };
    read.into_iter()
        .map(|(name, _, values)| (name, digest(values)))
        .collect()
}

/// The teacher that a run has trained.
pub(crate) fn teacher(distilled: &Distilled) -> &TextClassifier {
    distilled.teacher.as_ref().expect("a trained teacher")
}
