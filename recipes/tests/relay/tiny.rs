//! Runs that take a fraction of a second, and what tests look at.

use std::fmt::Write;
use std::path::Path;

use limbeck_data::rng::Rng;
use limbeck_engine::Device;
use limbeck_recipes::RunContext;
use limbeck_recipes::config::{self, ConfigError, Override, RelayRun, Run};
use limbeck_recipes::relay::{RelayData, Relayed, distill};
use limbeck_recipes::text::TextClassifier;
use limbeck_training::interrupt::Interrupt;

const MODELS: &str = r#"
[teacher_a]
hidden_size = 16
layers = 1
decoder_layers = 1
heads = 2
feed_forward_size = 24
[teacher_b]
hidden_size = 16
layers = 1
heads = 2
feed_forward_size = 24
[student]
embedding_size = 12
channels = 8
kernel_sizes = [2, 3]
[distillation]
folds = 2
b_min = 1
[training.teacher_a]
length = "6 epochs"
batch_size = 16
learning_rate = 0.01
[training.teacher_b]
length = "6 epochs"
batch_size = 16
learning_rate = 0.01
[training.student]
length = "4 epochs"
batch_size = 16
[training.relay]
length = "2 epochs"
batch_size = 16
[training.last]
length = "2 epochs"
batch_size = 16
"#;

/// Texts with classes: the built-in corpus.
pub(crate) const CLASSES: &str = r#"
task = "relay"
seed = 3
[data]
format = "corpus"
[data.corpus]
train_size = 120
test_size = 30
"#;

/// Words with tags, from the files that [`write_sentences`] writes.
pub(crate) const TAGS: &str = r#"
task = "relay"
seed = 3
[data]
format = "conll"
[words]
size = 12
letter_size = 6
letter_channels = 8
form_size = 4
dropout = 0.1
"#;

/// Texts with keywords, from the files that [`write_documents`] writes.
pub(crate) const KEYWORDS: &str = r#"
task = "relay"
seed = 3
[data]
format = "keywords"
[words]
size = 12
letter_size = 6
letter_channels = 8
form_size = 4
dropout = 0.1
"#;

/// With words their vectors are not the student's to choose.
fn models(data: &str) -> String {
    match data.contains("[words]") {
        true => MODELS.replace("embedding_size = 12\n", ""),
        false => MODELS.into(),
    }
}

pub(crate) fn parse(data: &str, overrides: &[&str]) -> Result<RelayRun, ConfigError> {
    let overrides: Vec<Override> = overrides
        .iter()
        .map(|o| o.parse().expect("an override"))
        .collect();
    let text = format!("{data}{}", models(data));
    match config::parse("tiny.toml", &text, &overrides)? {
        Run::Relay(run) => Ok(*run),
        _ => unreachable!("the task is relay"),
    }
}

/// As [`parse`], with a teacher A of another kind, whose sizes are the defaults.
pub(crate) fn parse_without_a(data: &str, overrides: &[&str]) -> Result<RelayRun, ConfigError> {
    let overrides: Vec<Override> = overrides
        .iter()
        .map(|o| o.parse().expect("an override"))
        .collect();
    let models = models(data);
    let (before, after) = models.split_once("[teacher_a]").expect("a section");
    let (_, after) = after.split_once("[teacher_b]").expect("the next one");
    let text = format!("{data}{before}[teacher_b]{after}");
    match config::parse("tiny.toml", &text, &overrides)? {
        Run::Relay(run) => Ok(*run),
        _ => unreachable!("the task is relay"),
    }
}

pub(crate) fn data(run: &RelayRun) -> RelayData {
    RelayData::read(run, true).expect("readable data")
}

pub(crate) fn distilled(run: &RelayRun) -> Relayed {
    let (device, interrupt) = (Device::cpu(), Interrupt::new());
    let mut context = RunContext::in_memory(&device, run.seed, &interrupt);
    distill(run, &data(run), &mut context).expect("a finished run")
}

/// A run on the built-in corpus.
pub(crate) fn classes(overrides: &[&str]) -> Relayed {
    distilled(&parse(CLASSES, overrides).expect("a valid run file"))
}

/// A run on tagged words.
pub(crate) fn tags(overrides: &[&str]) -> Relayed {
    let folder = tempfile::tempdir().expect("a folder");
    write_sentences(folder.path());
    let dir = format!("data.dir={:?}", folder.path());
    distilled(&parse(TAGS, &[&[dir.as_str()], overrides].concat()).expect("a valid run file"))
}

/// A digest of the bits of every parameter.
pub(crate) fn weights(classifier: &TextClassifier) -> u64 {
    let read = classifier.model().parameters().values().read();
    let mix =
        |sum: u64, value: f32| (sum ^ u64::from(value.to_bits())).wrapping_mul(0x100_0000_01b3);
    let values = read.expect("weights").concat();
    values.into_iter().fold(0xcbf2_9ce4_8422_2325, mix)
}

/// Sentences in which people meet in places: names of two words are people, after "in" stands a place.
pub(crate) fn write_sentences(folder: &Path) {
    let (first, last) = (
        ["Anna", "Boris", "Clara", "Dario"],
        ["Weber", "Novak", "Ruiz"],
    );
    let (places, verbs) = (["Kiel", "Oslo", "Porto"], ["met", "saw", "heard", "called"]);
    for (file, count, seed) in [("train", 150, 1), ("dev", 40, 2), ("test", 40, 3)] {
        let mut text = String::new();
        let mut rng = Rng::new(seed, file, &[]);
        let mut one = |words: &[&'static str]| *rng.choose(words).expect("a word");
        for _ in 0..count {
            let _ = writeln!(text, "{}\tB-PER\n{}\tI-PER", one(&first), one(&last));
            let _ = writeln!(text, "{}\tO\nhim\tO", one(&verbs));
            if one(&["yes", "no"]) == "yes" {
                let _ = writeln!(text, "in\tO\n{}\tB-LOC", one(&places));
            }
            text += ".\tO\n\n";
        }
        std::fs::write(folder.join(format!("{file}.conll")), text).expect("written");
    }
}

/// Documents about methods, whose keywords are the methods.
pub(crate) fn write_documents(folder: &Path) {
    let (kinds, methods) = (
        ["linear", "sparse", "deep"],
        ["regression", "search", "coding"],
    );
    for (file, count, seed) in [("train", 80, 1), ("dev", 20, 2), ("test", 20, 3)] {
        let mut text = String::new();
        let mut rng = Rng::new(seed, file, &[]);
        let mut one = |words: &[&'static str]| *rng.choose(words).expect("a word");
        for number in 0..count {
            let (a, b) = (format!("{} {}", one(&kinds), one(&methods)), one(&methods));
            let title = format!("On {a} for all");
            let body = format!("We use {a} and then {b} with care.");
            let _ = writeln!(text, "{number}\t{title}\t{body}\t{a}|{b}|unheard of\t");
        }
        std::fs::write(folder.join(format!("{file}.tsv")), text).expect("written");
    }
}
