//! Runs that take a fraction of a second, on every kind of units.

use std::fmt::Write;
use std::path::Path;

use limbeck_data::pictures::write_grey;
use limbeck_data::rng::Rng;
use limbeck_engine::Device;
use limbeck_recipes::RunContext;
use limbeck_recipes::config::{self, ConfigError, Override, Run, UnitSelectRun};
use limbeck_recipes::text::TextClassifier;
use limbeck_recipes::unit_select::{Selected, UnitData, distill};
use limbeck_training::checkpoint::Fingerprint;
use limbeck_training::interrupt::Interrupt;
use limbeck_training::run_folder::{Existing, RunFolder, RunPaths};

const STAGES: &str = r#"
[training.teacher]
length = "4 epochs"
batch_size = 8
learning_rate = 0.01
evaluate_every = "2 epochs"
[training.student]
length = "4 epochs"
batch_size = 8
evaluate_every = "2 epochs"
"#;

/// Texts with classes: the built-in corpus.
pub(crate) const CLASSES: &str = r#"
task = "unit_select"
seed = 3
[data]
format = "corpus"
[data.corpus]
train_size = 90
test_size = 30
[teacher]
hidden_size = 16
layers = 1
heads = 2
feed_forward_size = 24
[student]
embedding_size = 12
channels = 8
kernel_sizes = [2, 3]
[distillation]
compare = []
folds = 2
"#;

/// Words with tags, from the files that [`write_sentences`] writes.
pub(crate) const TAGS: &str = r#"
task = "unit_select"
seed = 3
[data]
format = "conll"
[words]
size = 12
letter_size = 6
letter_channels = 8
form_size = 4
dropout = 0.1
[teacher]
hidden_size = 16
layers = 1
heads = 2
feed_forward_size = 24
[student]
channels = 8
kernel_sizes = [2, 3]
[distillation]
compare = []
folds = 2
"#;

/// Pictures, from those that [`write_pictures`] writes.
pub(crate) const PIXELS: &str = r#"
task = "unit_select"
seed = 3
[data]
format = "pictures"
train = "0-5"
dev = "6,7"
test = "8-9"
[data.pictures]
values = ["0 = edge", "255 = inside"]
ignored = [100]
objects = "inside"
crop = 16
[teacher]
width = 4
levels = 2
groups = 2
[student]
width = 2
levels = 1
groups = 1
[distillation]
compare = []
folds = 2
"#;

/// Recordings, from those that [`write_speech`] writes.
pub(crate) const SPEECH: &str = r#"
task = "unit_select"
seed = 3
[data]
format = "speech"
[data.speech]
shortest = 2
longest = 3
bins = 12
centred = false
augment = false
[teacher]
channels = 16
kernel_sizes = [3, 3]
[student]
channels = 8
kernel_sizes = [3]
[distillation]
compare = []
folds = 2
"#;

pub(crate) fn parse(data: &str, overrides: &[&str]) -> Result<UnitSelectRun, ConfigError> {
    let overrides: Vec<Override> = overrides
        .iter()
        .map(|o| o.parse().expect("an override"))
        .collect();
    match config::parse("tiny.toml", &format!("{data}{STAGES}"), &overrides)? {
        Run::UnitSelect(run) => Ok(*run),
        _ => unreachable!("the task is unit_select"),
    }
}

/// A run file for a folder with the data of its kind.
pub(crate) fn run_in(folder: &Path, data: &str, overrides: &[&str]) -> UnitSelectRun {
    match data {
        PIXELS => write_pictures(folder),
        SPEECH => write_speech(folder),
        TAGS => write_sentences(folder),
        _ => {}
    }
    let dir = format!("data.dir={folder:?}");
    parse(data, &[&[dir.as_str()], overrides].concat()).expect("a valid run file")
}

/// A finished run in memory.
pub(crate) fn finished(data: &str, overrides: &[&str]) -> Selected {
    let folder = tempfile::tempdir().expect("a folder");
    let run = run_in(folder.path(), data, overrides);
    let (device, interrupt) = (Device::cpu(), Interrupt::new());
    let mut context = RunContext::in_memory(&device, run.seed, &interrupt);
    let data = UnitData::read(&run, true).expect("readable data");
    distill(&run, &data, &mut context).expect("a finished run")
}

/// A finished run in a folder, to be looked at.
pub(crate) fn in_folder(
    data: &str,
    overrides: &[&str],
    look: impl FnOnce(&UnitSelectRun, &UnitData, &RunPaths, &Selected),
) {
    let folder = tempfile::tempdir().expect("a folder");
    let run = run_in(folder.path(), data, overrides);
    let folder = RunFolder::create(&folder.path().join("run"), Existing::Refuse).expect("new");
    let (device, interrupt) = (Device::cpu(), Interrupt::new());
    let fingerprint = Fingerprint::of(&run, &[]).expect("a fingerprint");
    let paths = folder.paths();
    let mut context =
        RunContext::in_folder(&device, run.seed, &interrupt, paths, fingerprint, false)
            .expect("a context");
    let data = UnitData::read(&run, true).expect("readable data");
    let selected = distill(&run, &data, &mut context).expect("a finished run");
    look(&run, &data, paths, &selected);
}

/// A digest of the bits of every parameter.
pub(crate) fn weights(classifier: &TextClassifier) -> u64 {
    let read = classifier.model().parameters().values().read();
    let mix =
        |sum: u64, value: f32| (sum ^ u64::from(value.to_bits())).wrapping_mul(0x100_0000_01b3);
    let values = read.expect("weights").concat();
    values.into_iter().fold(0xcbf2_9ce4_8422_2325, mix)
}

/// Sentences in which people have two names.
pub(crate) fn write_sentences(folder: &Path) {
    let (first, last) = (["Anna", "Boris", "Clara"], ["Weber", "Novak", "Ruiz"]);
    let verbs = ["met", "saw", "heard", "called"];
    for (file, count, seed) in [("train", 60, 1), ("dev", 20, 2), ("test", 20, 3)] {
        let mut text = String::new();
        let mut rng = Rng::new(seed, file, &[]);
        let mut one = |words: &[&'static str]| *rng.choose(words).expect("a word");
        for _ in 0..count {
            let _ = writeln!(text, "{}\tB-PER\n{}\tI-PER", one(&first), one(&last));
            let _ = writeln!(text, "{}\tO\nhim\tO\n", one(&verbs));
        }
        std::fs::write(folder.join(format!("{file}.conll")), text).expect("written");
    }
}

pub(crate) const HEIGHT: usize = 24;
pub(crate) const WIDTH: usize = 20;

/// Bright discs on grey ground, with noise; the label is dark at the border, and the first row of pixels
/// has none.
pub(crate) fn write_pictures(folder: &Path) {
    let (images, labels) = (folder.join("image"), folder.join("label"));
    std::fs::create_dir_all(&images).expect("a folder");
    std::fs::create_dir_all(&labels).expect("a folder");
    for number in 0..10u64 {
        let mut rng = Rng::new(7, "picture", &[number]);
        let (y, x, radius) = (8 + rng.below(8), 6 + rng.below(8), 4 + rng.below(3));
        let (mut picture, mut label) = (Vec::new(), Vec::new());
        for row in 0..HEIGHT {
            for column in 0..WIDTH {
                let (dy, dx) = (row.abs_diff(y) as f64, column.abs_diff(x) as f64);
                let distance = (dy * dy + dx * dx).sqrt() - radius as f64;
                let level = if distance < 0.0 { 170 } else { 90 };
                picture.push((level + rng.below(60)) as u8);
                label.push(match (row, distance.abs() < 1.0) {
                    (0, _) => 100,
                    (_, true) => 0,
                    (_, false) => 255,
                });
            }
        }
        let name = format!("{number}.png");
        write_grey(&images.join(&name), HEIGHT, WIDTH, &picture).expect("written");
        write_grey(&labels.join(&name), HEIGHT, WIDTH, &label).expect("written");
    }
}

/// Three words, each a tone, said by two speakers who differ in pitch.
pub(crate) fn write_speech(folder: &Path) {
    for (file, takes) in [("train", 8), ("test", 3)] {
        let mut table = String::new();
        for (speaker, pitch) in [("ann", 1.0), ("ben", 1.15)] {
            for (word, tone) in [("low", 400.0), ("middle", 900.0), ("high", 1900.0)] {
                for take in 0..takes {
                    let name = format!("{file}-{word}-{speaker}-{take}.wav");
                    let seed = take + if file == "test" { 100 } else { 0 };
                    std::fs::write(folder.join(&name), wav(tone * pitch, seed)).expect("written");
                    let _ = writeln!(table, "{word}\t{name}\t{speaker}");
                }
            }
        }
        std::fs::write(folder.join(format!("{file}.tsv")), table).expect("written");
    }
}

/// A fifth of a second, 16 bits at 8 kHz: noise alone at first, then a tone in it.
fn wav(hertz: f64, seed: u64) -> Vec<u8> {
    const RATE: u32 = 8000;
    let mut rng = Rng::new(seed, "noise", &[hertz as u64]);
    let samples = (0..RATE / 5).map(|n| {
        let begun = f64::from(u8::from(n > RATE / 20));
        let tone = begun * (std::f64::consts::TAU * hertz * f64::from(n) / f64::from(RATE)).sin();
        (9000.0 * tone + 3000.0 * (rng.unit() - 0.5)) as i16
    });
    let data: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
    let mut file = b"RIFF".to_vec();
    file.extend((36 + data.len() as u32).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16u32.to_le_bytes());
    // Whole numbers, one channel.
    file.extend([1, 0, 1, 0]);
    file.extend(RATE.to_le_bytes());
    file.extend((2 * RATE).to_le_bytes());
    file.extend([2, 0, 16, 0]);
    file.extend(b"data");
    file.extend((data.len() as u32).to_le_bytes());
    file.extend(data);
    file
}
