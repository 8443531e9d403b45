//! Acceptance criteria of `layerwise` that need whole models: A2, A4, A5, A6, A7.

use limbeck_engine::{Device, Tape};
use limbeck_models::Encoded;
use limbeck_recipes::config::{self, LayerwiseRun, Override, Run};
use limbeck_recipes::layerwise::{Distilled, distill};
use limbeck_recipes::text::TextClassifier;
use limbeck_recipes::{RunContext, RunData};
use limbeck_training::interrupt::Interrupt;

const TINY: &str = r#"
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

fn run_file(overrides: &[&str]) -> LayerwiseRun {
    let overrides: Vec<Override> = overrides
        .iter()
        .map(|o| o.parse().expect("an override"))
        .collect();
    match config::parse("tiny.toml", TINY, &overrides).expect("a valid run file") {
        Run::Layerwise(run) => *run,
        Run::Train(_) => unreachable!("the task is layerwise"),
    }
}

fn run(overrides: &[&str]) -> Distilled {
    let run = run_file(overrides);
    let (device, interrupt) = (Device::cpu(), Interrupt::new());
    let data = RunData::read(&run.data, run.seed).expect("the built-in corpus");
    let mut context = RunContext::in_memory(&device, run.seed, &interrupt);
    distill(&run, &data, &mut context).expect("a finished run")
}

/// A digest of the bits of every parameter, short enough for a failed comparison to print.
fn weights(classifier: &TextClassifier) -> Vec<(String, u64)> {
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

/// A2 and A4: the projections have the shape of the levels, and stage 2 leaves every bit of the
/// teacher, its projections included, as it was.
#[test]
fn the_teacher_projects_to_the_students_width_and_stays_frozen() {
    let short = run(&["training.student.length=\"1 step\""]);
    let long = run(&["training.student.length=\"9 steps\""]);
    let records = long.teacher.model().parameters().records();
    let shapes: Vec<String> = records
        .iter()
        .filter(|r| r.name.starts_with("projections.") && r.name.ends_with(".weight"))
        .map(|r| r.shape.to_string())
        .collect();
    assert_eq!(
        shapes,
        ["[16, 8]", "[16, 8]"],
        "hidden width to channels, one per block"
    );
    assert_eq!(weights(&short.teacher), weights(&long.teacher));
    assert_ne!(
        weights(&short.student),
        weights(&long.student),
        "the student did learn"
    );
}

/// A6: without w4 to w8 the student is the supervised one, bit for bit.
#[test]
fn without_the_teachers_terms_the_student_is_trained_alone() {
    let off = [
        "distillation.weights.w4=0",
        "distillation.weights.w5=0",
        "distillation.weights.w6=0",
        "distillation.weights.w7=0",
        "distillation.weights.w8=0",
    ];
    let done = run(&off);
    let alone = done.student_alone.expect("trained by default");
    assert_eq!(weights(&done.student), weights(&alone));
    let with = run(&[]);
    assert_ne!(
        weights(&with.student),
        weights(&alone),
        "the terms do change it"
    );
}

/// A5: kernel widths grow with depth, and there is a layer for every block.
#[test]
fn kernel_widths_that_do_not_grow_are_refused() {
    let check = |sizes: &str| {
        let sizes: Override = format!("student.kernel_sizes={sizes}")
            .parse()
            .expect("an override");
        let layers: Override = "teacher.layers=4".parse().expect("an override");
        config::parse("tiny.toml", TINY, &[sizes, layers])
    };
    assert!(check("[2, 3, 4, 5]").is_ok());
    for wrong in ["[3, 2]", "[3, 3]", "[2, 4, 3, 5]", "[2, 3, 4, 5, 6]"] {
        let error = check(wrong).expect_err(wrong).to_string();
        assert!(error.contains("student.kernel_sizes"), "{wrong}: {error}");
    }
}

/// A7: what else is in a batch does not change a text's logits.
#[test]
fn logits_do_not_depend_on_the_rest_of_the_batch() {
    let done = run(&[]);
    for classifier in [&done.teacher, &done.student] {
        let texts = [
            "clear",
            "a fast drying resin for coatings of wood and metal",
            "pigment, red",
        ];
        let encoded = classifier.encoder().encode_all(&texts);
        let refs: Vec<&Encoded> = encoded.iter().collect();
        let together = classifier.model().predict(&refs).expect("logits");
        for (text, expected) in refs.iter().zip(&together) {
            let alone = &classifier.model().predict(&[text]).expect("logits")[0];
            for (a, b) in alone.iter().zip(expected) {
                assert!((a - b).abs() <= 1e-5, "{alone:?} {expected:?}");
            }
        }
    }
}

/// The two models' ids cannot be exchanged.
#[test]
fn a_model_refuses_the_other_models_ids() {
    let done = run(&["student.tokenizer.kind=\"character\""]);
    let foreign = done.student.encoder().encode("a resin");
    let refused = done.teacher.model().batch(&[&foreign], 0);
    let message = refused.expect_err("another vocabulary").to_string();
    assert!(message.contains("vocabulary"), "{message}");
}

/// Every trainable parameter of both models receives a gradient from the whole loss.
#[test]
fn no_parameter_is_left_without_a_gradient() {
    let done = run(&[]);
    for classifier in [&done.teacher, &done.student] {
        let model = classifier.model();
        let tape = Tape::deterministic(model.device());
        let texts = classifier
            .encoder()
            .encode_all(&["a resin for wood", "a pigment"]);
        let batch = model
            .batch(&texts.iter().collect::<Vec<_>>(), 0)
            .expect("a batch");
        let logits = model.forward(&tape, &batch).expect("logits").logits;
        let loss = limbeck_losses::hard_cross_entropy(&tape, &logits, &[0, 1]).expect("a loss");
        let mut gradients = model.parameters().zeros().expect("zeros");
        let unreached = tape
            .backward(&loss, &mut [&mut gradients])
            .expect("gradients");
        unreached
            .refuse(&[model.parameters()])
            .expect("every parameter is reached");
    }
}
