//! Acceptance criteria of whole runs: B1, B5, B6, B7.

use std::path::Path;

use limbeck_engine::Device;
use limbeck_models::Encoded;
use limbeck_recipes::RunContext;
use limbeck_recipes::gate_mixup::distill;
use limbeck_recipes::text::TextClassifier;
use limbeck_training::checkpoint::Fingerprint;
use limbeck_training::interrupt::Interrupt;
use limbeck_training::run_folder::{Existing, RunFolder};

use crate::tiny::{data, parse, run, weights};

fn figure(line: &serde_json::Value, name: &str) -> Option<f64> {
    line[name].as_f64()
}

/// B1, B5, B6: what a run leaves in its folder.
#[test]
fn both_models_stand_before_the_turns_and_the_student_needs_neither_graph_nor_teacher() {
    let run = parse(&[]).expect("a run file");
    let folder = tempfile::tempdir().expect("a folder");
    let folder = RunFolder::create(&folder.path().join("run"), Existing::Refuse).expect("new");
    let (device, interrupt) = (Device::cpu(), Interrupt::new());
    let fingerprint = Fingerprint::of(&run, &[]).expect("a fingerprint");
    let paths = folder.paths();
    let mut context =
        RunContext::in_folder(&device, run.seed, &interrupt, paths, fingerprint, false)
            .expect("a context");
    let data = data(&run);
    let taught = distill(&run, &data, &mut context).expect("a finished run");
    for name in ["teacher", "student_initial"] {
        assert!(
            paths.model().join(name).join("model.safetensors").exists(),
            "{name}"
        );
    }
    let log = std::fs::read_to_string(paths.metrics()).expect("metrics");
    let lines = log
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    let lines: Vec<serde_json::Value> = lines.collect();
    let first = |stage: &str, split: &str| {
        let of = |line: &serde_json::Value| line["stage"] == stage && line["split"] == split;
        lines
            .iter()
            .position(of)
            .unwrap_or_else(|| panic!("{stage}, {split}"))
    };
    for stage in ["teacher", "student_initial"] {
        assert!(first(stage, "dev") < first("student", "train"), "{stage}");
    }
    let turns = |split: &str| {
        let split = split.to_owned();
        lines
            .iter()
            .filter(move |line| line["stage"] == "student" && line["split"] == *split)
    };
    let shares: Vec<f64> = turns("dev")
        .filter_map(|line| figure(line, "open_share"))
        .collect();
    assert_eq!(shares.len(), 2, "one for each cycle");
    assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)));
    for name in [
        "student_open_share",
        "teacher_open_share",
        "student_class_kl",
        "teacher_rep_mse",
    ] {
        assert!(
            turns("train").any(|line| figure(line, name).is_some()),
            "{name}"
        );
    }
    let dev = taught.measured.dev.get("student").expect("figures");
    let closed = dev.get("closed_share").expect("a share");
    // Both cycles have as many messages.
    assert!(
        (1.0 - closed - shares.iter().sum::<f64>() / 2.0).abs() < 1e-12,
        "{closed}"
    );
    assert_eq!(dev.get("degenerate").is_some(), closed < 0.05);
    alone(&paths.model().join("student"), &taught.student);
}

/// The student's folder, taken away from all else, gives the same predictions.
fn alone(student: &Path, expected: &TextClassifier) {
    let elsewhere = tempfile::tempdir().expect("a folder");
    let mut names = Vec::new();
    for file in std::fs::read_dir(student)
        .expect("a model")
        .map(|file| file.expect("a file"))
    {
        std::fs::copy(file.path(), elsewhere.path().join(file.file_name())).expect("copied");
        names.push(file.file_name().into_string().expect("a name"));
    }
    names.sort();
    assert_eq!(names, ["config.json", "encoder.json", "model.safetensors"]);
    let loaded = TextClassifier::load(elsewhere.path(), &Device::cpu()).expect("a classifier");
    let texts = ["a fast drying resin for wood", "", "pigment"];
    assert_eq!(
        loaded.predict(&texts).expect("predictions"),
        expected.predict(&texts).expect("predictions")
    );
}

/// B5: with a threshold of 0 the method is plain mutual learning; above 1 everything is augmented.
#[test]
fn the_threshold_goes_from_plain_mutual_learning_to_augmenting_all() {
    let models = |overrides: &[&str]| {
        let off = ["student_alone=false", "plain_mutual=false"];
        run(&[&off, overrides].concat())
    };
    let plain = models(&[
        "distillation.threshold=0",
        "distillation.sender_outputs=\"in_sample\"",
    ]);
    let run_file = parse(&["student_alone=false"]).expect("a run file");
    let (device, interrupt) = (Device::cpu(), Interrupt::new());
    let mut context = RunContext::in_memory(&device, run_file.seed, &interrupt);
    let done = distill(&run_file, &data(&run_file), &mut context).expect("a finished run");
    let of = |name: &str| {
        let figures = done.measured.test.as_ref().and_then(|test| test.get(name));
        figures
            .and_then(|figures| figures.get("cross_entropy"))
            .expect("a figure")
    };
    let found = plain
        .measured
        .test
        .as_ref()
        .and_then(|test| test.get("student"));
    let found = found
        .and_then(|figures| figures.get("cross_entropy"))
        .expect("a figure");
    assert_eq!(found, of("mutual"), "the arm of plain mutual learning");
    assert_ne!(found, of("student"), "which the gate changes");
    let closed = models(&["distillation.threshold=1.1"]);
    assert_ne!(weights(&closed.student), weights(&plain.student));
    // Unchanged by augmentation: no dropout, and the mean of a message with itself.
    let harmless = [
        "distillation.threshold=1.1",
        "distillation.sender_outputs=\"in_sample\"",
        "distillation.dropout=0",
        "distillation.on_closed=\"augment\"",
    ];
    assert_eq!(weights(&models(&harmless).student), weights(&plain.student));
}

/// B7: the teacher that reads any text does not know whether test was read, and what else is in a
/// batch does not change a text's scores.
#[test]
fn an_inductive_teacher_does_not_know_the_test_texts() {
    for kind in ["text_graph", "text_level"] {
        let kind = format!("teacher.kind={kind}");
        let overrides = [&kind[..], "student_alone=false", "plain_mutual=false"];
        let overrides = match kind.ends_with("level") {
            false => overrides.to_vec(),
            true => [&overrides[..], &["teacher.hidden_size=16"]].concat(),
        };
        let text = crate::tiny::TINY.replace("embedding_size = 12\n", "");
        let run = {
            let overrides: Vec<_> = overrides.iter().map(|o| o.parse().expect("one")).collect();
            match limbeck_recipes::config::parse("tiny.toml", &text, &overrides) {
                Ok(limbeck_recipes::config::Run::GateMixup(run)) => *run,
                other => panic!("{other:?}"),
            }
        };
        let with = data(&run);
        let without = limbeck_recipes::RunData::read_without_test(&run.data, run.seed);
        let teacher = |data| {
            let (device, interrupt) = (Device::cpu(), Interrupt::new());
            let mut context = RunContext::in_memory(&device, run.seed, &interrupt);
            distill(&run, data, &mut context)
                .expect("a finished run")
                .teacher
        };
        let (a, b) = (
            teacher(&with),
            teacher(&without.expect("the built-in corpus")),
        );
        assert_eq!(weights(&a), weights(&b));
        let texts = [
            "clear",
            "a fast drying resin for coatings of wood and metal",
            "",
        ];
        let encoded = a.encoder().encode_all(&texts);
        let together = a
            .model()
            .predict(&encoded.iter().collect::<Vec<&Encoded>>());
        for (text, expected) in encoded.iter().zip(together.expect("scores")) {
            let alone = &a.model().predict(&[text]).expect("scores")[0];
            // Rounding of sums whose order the batch does not change, of products whose it may.
            let close = |(a, b): (&f32, f32)| (a - b).abs() <= 1e-5;
            assert!(
                alone.iter().zip(expected.clone()).all(close),
                "{alone:?} {expected:?}"
            );
        }
    }
}

/// The same run gives the same bits.
#[test]
fn a_run_repeats_itself() {
    let (a, b) = (run(&[]), run(&[]));
    assert_eq!(weights(&a.student), weights(&b.student));
}
