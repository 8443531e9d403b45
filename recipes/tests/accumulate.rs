//! Time for memory: an update whose texts are read in several parts is the update of one batch, and so
//! is one whose layers are computed again on the way back.

use limbeck_engine::Device;
use limbeck_recipes::config::{self, Override, Run};
use limbeck_recipes::layerwise::distill;
use limbeck_recipes::text::TextClassifier;
use limbeck_recipes::{RunContext, RunData, train};
use limbeck_training::interrupt::Interrupt;

const DATA: &str = r#"
seed = 5
[data]
format = "corpus"
labelled_fraction = 0.4
[data.corpus]
train_size = 120
test_size = 10
"#;

const TRAIN: &str = r#"
[model]
kind = "transformer"
hidden_size = 16
layers = 2
heads = 2
feed_forward_size = 24
dropout = 0.0
[training]
length = "8 steps"
batch_size = 7
optimizer = "sgd"
momentum = 0.0
learning_rate = 0.2
"#;

const LAYERWISE: &str = r#"
student_alone = false
[pairs]
source = "corpus"
[teacher]
kind = "transformer"
hidden_size = 16
layers = 2
heads = 2
feed_forward_size = 24
dropout = 0.0
[student]
channels = 8
embedding_size = 12
kernel_sizes = [2, 3]
dropout = 0.0
[training]
unlabelled_batch_size = 5
[training.teacher]
length = "6 steps"
evaluate_every = "6 steps"
learning_rate = 0.2
batch_size = 8
optimizer = "sgd"
momentum = 0.0
[training.student]
length = "9 steps"
evaluate_every = "100 steps"
learning_rate = 0.2
batch_size = 8
optimizer = "sgd"
momentum = 0.0
"#;

fn parsed(task: &str, text: &str, overrides: &[&str]) -> Run {
    let overrides: Vec<Override> = overrides
        .iter()
        .map(|o| o.parse().expect("an override"))
        .collect();
    let text = format!("task = \"{task}\"\n{DATA}{text}");
    let text = match task {
        // A key of the run itself stands before its sections.
        "layerwise" => text.replace("student_alone = false\n", "").replacen(
            "seed = 5",
            "seed = 5\nstudent_alone = false",
            1,
        ),
        _ => text,
    };
    config::parse("run.toml", &text, &overrides).expect("a run file")
}

fn weights(classifier: &TextClassifier) -> Vec<f32> {
    let read = classifier.model().parameters().read().expect("weights");
    read.into_iter().flat_map(|(_, _, values)| values).collect()
}

/// The weights that a run ends with, of all its models.
fn run(task: &str, text: &str, overrides: &[&str]) -> Vec<f32> {
    let (device, interrupt) = (Device::cpu(), Interrupt::new());
    let run = parsed(task, text, overrides);
    let data = RunData::read(run.data().expect("texts"), run.seed()).expect("the corpus");
    let mut context = RunContext::in_memory(&device, run.seed(), &interrupt);
    match run {
        Run::Train(run) => weights(
            &train(&run, &data, &mut context)
                .expect("a model")
                .classifier,
        ),
        Run::Layerwise(run) => {
            let done = distill(&run, &data, &mut context).expect("two models");
            let teacher = done.teacher.as_ref().expect("a teacher");
            [weights(teacher), weights(&done.student)].concat()
        }
        _ => unreachable!("one of the two tasks"),
    }
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, f32::max)
}

#[test]
fn parts_add_up_to_the_batch() {
    let whole = run("train", TRAIN, &[]);
    // Three parts of unequal size, and more parts than texts.
    for parts in ["training.accumulate=3", "training.accumulate=10"] {
        let apart = run("train", TRAIN, &[parts]);
        // Sums of gradients in another order: a few roundings of numbers below one, eight times.
        let difference = largest_difference(&whole, &apart);
        assert!(difference < 1e-6, "{parts}: {difference}");
    }
    let shorter = run("train", TRAIN, &["training.length=7 steps"]);
    assert!(
        largest_difference(&whole, &shorter) > 1e-4,
        "an update moves the weights"
    );
}

#[test]
fn parts_of_pairs_and_labelled_texts_add_up_too() {
    let whole = run("layerwise", LAYERWISE, &[]);
    let parts = [
        "training.teacher.accumulate=3",
        "training.student.accumulate=4",
    ];
    let difference = largest_difference(&whole, &run("layerwise", LAYERWISE, &parts));
    // As above, over fifteen updates.
    assert!(difference < 1e-6, "{difference}");
    let shorter = run("layerwise", LAYERWISE, &["training.student.length=8 steps"]);
    assert!(
        largest_difference(&whole, &shorter) > 1e-5,
        "an update moves the weights"
    );
}

#[test]
fn the_memory_of_an_update_falls_with_its_parts() {
    let bytes = |parts: &str| {
        let run = parsed("train", TRAIN, &["training.batch_size=24", parts]);
        let data = RunData::read(run.data().expect("texts"), run.seed()).expect("the corpus");
        let layout = limbeck_engine::Layout::Cpu;
        let rehearsal = limbeck_recipes::rehearse_run(&run, &data, layout).expect("a rehearsal");
        rehearsal.stages[0].bytes.activations
    };
    let (whole, apart) = (
        bytes("training.accumulate=1"),
        bytes("training.accumulate=6"),
    );
    assert!(
        3 * apart < whole,
        "{whole} bytes at once, {apart} of a sixth"
    );
}

#[test]
fn stages_that_read_all_at_once_refuse_parts() {
    for (text, key) in [
        (
            "task = \"relay\"\n[training.last]\naccumulate = 2\n",
            "training.last.accumulate",
        ),
        (
            "task = \"gate_mixup\"\n[training.mutual]\naccumulate = 2\n",
            "training.mutual.accumulate",
        ),
        (
            "task = \"unit_select\"\n[training.student]\naccumulate = 2\n",
            "training.student.accumulate",
        ),
        (
            "task = \"nce_lm\"\n[training]\naccumulate = 2\n",
            "training.accumulate",
        ),
        (
            "task = \"train\"\n[model]\nkind = \"bag_of_ngrams\"\n[training]\naccumulate = 2\n",
            "training.accumulate",
        ),
        (
            "task = \"train\"\n[training]\naccumulate = 0\n",
            "training.accumulate",
        ),
    ] {
        let error = config::parse("run.toml", text, &[])
            .expect_err("refused")
            .to_string();
        assert!(error.contains(key), "{key}: {error}");
    }
}

#[test]
fn layers_that_are_computed_again_change_no_bit() {
    for parts in ["training.accumulate=1", "training.accumulate=3"] {
        let with = |more: &[&str]| {
            let dropout = ["model.dropout=0.2", "model.attention_dropout=0.1", parts];
            run("train", TRAIN, &[&dropout, more].concat())
        };
        let plain = with(&[]);
        assert_eq!(with(&["model.gradient_checkpointing=true"]), plain);
        assert_ne!(with(&["model.dropout=0.1"]), plain);
    }
    let with = |more: &[&str]| {
        let seen = ["teacher.dropout=0.2", "teacher.attention_dropout=0.1"];
        run("layerwise", LAYERWISE, &[&seen, more].concat())
    };
    assert_eq!(with(&["teacher.gradient_checkpointing=true"]), with(&[]));
}

#[test]
fn a_rehearsal_knows_what_computing_again_saves() {
    let stage = |more: &[&str]| {
        let sizes = ["model.layers=6", "training.batch_size=24"];
        let run = parsed("train", TRAIN, &[&sizes, more].concat());
        let data = RunData::read(run.data().expect("texts"), run.seed()).expect("the corpus");
        let layout = limbeck_engine::Layout::Cpu;
        let mut rehearsal =
            limbeck_recipes::rehearse_run(&run, &data, layout).expect("a rehearsal");
        rehearsal.stages.remove(0)
    };
    let (plain, again) = (stage(&[]), stage(&["model.gradient_checkpointing=true"]));
    for (what, plain, again) in [
        ("step", plain.bytes.step, again.bytes.step),
        ("saved", plain.bytes.saved, again.bytes.saved),
        (
            "activations",
            plain.bytes.activations,
            again.bytes.activations,
        ),
    ] {
        assert!(2 * again < plain, "{what}: {again} of {plain} bytes");
    }
    assert_eq!(again.bytes.weights, plain.bytes.weights);
    // The same operators in the same places, those of the layers marked.
    assert_eq!(again.lines.len(), plain.lines.len());
    for (again, plain) in again.lines.iter().zip(&plain.lines) {
        assert_eq!(
            (&again.scope, again.operator),
            (&plain.scope, plain.operator)
        );
        assert_eq!((&again.plan, &again.sources), (&plain.plan, &plain.sources));
        assert_eq!(
            again.recomputed,
            again.scope.starts_with("layer "),
            "{}",
            again.scope
        );
        assert!(!plain.recomputed);
    }
}

#[test]
fn models_without_layers_of_attention_cannot_compute_them_again() {
    for (text, key) in [
        ("task = \"train\"\n[model]\nkind = \"text_cnn\"\n", "model"),
        (
            "task = \"train\"\n[model]\nkind = \"bag_of_ngrams\"\n",
            "model",
        ),
        ("task = \"layerwise\"\n[student]\nchannels = 8\n", "student"),
        (
            "task = \"gate_mixup\"\n[teacher]\nkind = \"text_graph\"\n",
            "teacher",
        ),
    ] {
        let text = format!("{text}gradient_checkpointing = true\n");
        let error = config::parse("run.toml", &text, &[]);
        let error = error.expect_err("refused").to_string();
        for part in [
            key,
            "gradient_checkpointing`: only layers of attention",
            "\"pretrained\"",
        ] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }
}
