//! Criteria of whole runs: D1 to D4, D9.

use std::collections::HashSet;
use std::path::Path;

use limbeck_engine::Device;
use limbeck_recipes::RunContext;
use limbeck_recipes::relay::{Provenance, Source, distill};
use limbeck_recipes::text::TextClassifier;
use limbeck_training::checkpoint::Fingerprint;
use limbeck_training::interrupt::Interrupt;
use limbeck_training::run_folder::{Existing, RunFolder, RunPaths};

use crate::tiny::{CLASSES, classes, data, parse, weights};

/// Runs in a folder and returns where each label came from, by student.
fn in_folder(overrides: &[&str], look: impl FnOnce(&RunPaths, &[Provenance])) {
    let run = parse(CLASSES, overrides).expect("a run file");
    let folder = tempfile::tempdir().expect("a folder");
    let folder = RunFolder::create(&folder.path().join("run"), Existing::Refuse).expect("new");
    let (device, interrupt) = (Device::cpu(), Interrupt::new());
    let fingerprint = Fingerprint::of(&run, &[]).expect("a fingerprint");
    let paths = folder.paths();
    let mut context =
        RunContext::in_folder(&device, run.seed, &interrupt, paths, fingerprint, false)
            .expect("a context");
    let data = data(&run);
    distill(&run, &data, &mut context).expect("a finished run");
    let lines = provenance(paths, "student");
    assert_eq!(lines.len(), data.train.len());
    look(paths, &lines);
}

fn provenance(paths: &RunPaths, student: &str) -> Vec<Provenance> {
    let path = paths.root().join("relay").join(format!("{student}.jsonl"));
    let text = std::fs::read_to_string(path).expect("provenance");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a line of provenance"))
        .collect()
}

/// D1, D3: the partition is written down, covers all samples, and labels come from where it says.
#[test]
fn labels_come_from_a_in_the_target_set_and_from_b_below_it() {
    let overrides = ["preset=literal", "distillation.predict_mode=\"cross_fit\""];
    in_folder(&overrides, |_, lines| {
        let numbers: Vec<usize> = lines.iter().map(|line| line.sample).collect();
        assert_eq!(numbers, (0..lines.len()).collect::<Vec<_>>());
        for line in lines {
            assert_eq!(line.target, line.score_a >= 0.9);
            let expected = if line.target { Source::A } else { Source::B };
            assert_eq!(line.source, expected, "sample {}", line.sample);
            assert_eq!(line.score_b.is_some(), !line.target);
            assert!(!line.target || line.label == line.original);
        }
        let below = lines.iter().filter(|line| !line.target).count();
        assert!(
            below > 0 && below < lines.len(),
            "{below} of {}",
            lines.len()
        );
    });
}

/// D4: the phases follow each other as the method says, and so do their models.
#[test]
fn phases_follow_each_other() {
    let overrides = [
        "distillation.policy=\"replace\"",
        "distillation.compare=[\"drop\"]",
    ];
    in_folder(&overrides, |paths, _| {
        let log = std::fs::read_to_string(paths.metrics()).expect("metrics");
        let mut order: Vec<String> = Vec::new();
        for line in log.lines() {
            let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let stage = line["stage"].as_str().expect("a stage").to_string();
            if order.last() != Some(&stage) {
                order.push(stage);
            }
        }
        let expected = [
            "teacher_a",
            "teacher_a_fold_1",
            "teacher_a_fold_2",
            "teacher_b",
            "teacher_b_fold_1",
            "teacher_b_fold_2",
            "student_initial",
            "student_alone_first",
            "student_alone",
            "student_first",
            "student",
            "student_drop_first",
            "student_drop",
        ];
        assert_eq!(order, expected);
        let dropped = provenance(paths, "student_drop");
        for line in dropped {
            let expected = if line.target {
                Source::A
            } else {
                Source::Dropped
            };
            assert_eq!(line.source, expected);
        }
        alone(&paths.model().join("student"));
    });
}

/// D9: the student's folder, taken away from all else, predicts.
fn alone(student: &Path) {
    let elsewhere = tempfile::tempdir().expect("a folder");
    for file in std::fs::read_dir(student).expect("a model") {
        let file = file.expect("a file");
        std::fs::copy(file.path(), elsewhere.path().join(file.file_name())).expect("copied");
    }
    let loaded = TextClassifier::load(elsewhere.path(), &Device::cpu()).expect("a classifier");
    let said = loaded
        .predict(&["a fast drying resin for wood", ""])
        .expect("predictions");
    assert_eq!(said.len(), 2);
    assert!(loaded.labels().contains(&said[0].label));
}

/// D2: B reads the samples below the threshold, and what is replayed on top: with another label for
/// one of the others it stays as it was.
#[test]
fn teacher_b_reads_nothing_but_the_samples_below_the_threshold() {
    let run = parse(CLASSES, &["preset=literal", "student_alone=false"]).expect("a run file");
    let data = data(&run);
    let taught = |data| {
        let (device, interrupt) = (Device::cpu(), Interrupt::new());
        let mut context = RunContext::in_memory(&device, run.seed, &interrupt);
        distill(&run, data, &mut context).expect("a finished run")
    };
    let done = taught(&data);
    let teacher_b = done.teacher_b.expect("something is below the threshold");
    let said = done
        .teacher_a
        .predict(&data.train.texts)
        .expect("predictions");
    let below: HashSet<usize> = (0..data.train.len())
        .filter(|&row| {
            let label = data.train.labels[row][0] as usize;
            said[row].label != data.space.names[label]
        })
        .collect();
    assert!(!below.is_empty() && below.len() < data.train.len());
    // The same samples for B alone, with its own vocabulary of all texts.
    let only = weights_of_b_trained_on(&run, &data, &below);
    assert_eq!(weights(&teacher_b), only);
}

/// Trains B's architecture on these samples alone, as its stage would.
fn weights_of_b_trained_on(
    run: &limbeck_recipes::config::RelayRun,
    data: &limbeck_recipes::relay::RelayData,
    rows: &HashSet<usize>,
) -> u64 {
    use limbeck_losses::LabelLoss;
    use limbeck_recipes::relay::{
        Comparison, Encodings, Judge, RelayObjective, Target, TargetTerm,
    };
    use limbeck_recipes::text::Encoder;
    use limbeck_training::optimizer::OptimizerConfig;
    use limbeck_training::progress::Display;
    use limbeck_training::stage::{Averaging, Session, StageOptions, run_stage};

    let device = Device::cpu();
    let encoder = Encoder::train(&run.teacher_b, &run.data, false, &data.train.texts);
    let encoder = encoder.expect("an encoder");
    let mut rows: Vec<usize> = rows.iter().copied().collect();
    rows.sort_unstable();
    let texts = Encodings::new(&encoder, &data.train.select(&rows), &data.space);
    let head = limbeck_models::Head::Pooled;
    let names = &data.space.names;
    let mut model =
        TextClassifier::new(&run.teacher_b, head, encoder, names, run.seed, &device).expect("B");
    let judge = Judge::new(model.encoder(), &data.space, &data.dev);
    let encoder = model.encoder().clone();
    let judge_of = Judge::new(&encoder, &data.space, &data.dev);
    drop(judge);
    let targets = texts
        .labels
        .iter()
        .map(|labels| Target::original(labels))
        .collect();
    let terms = vec![TargetTerm::original(1.0, targets)];
    let comparison = Comparison::Rows {
        loss: LabelLoss::Focal { gamma: 2.0 },
        temperature: 1.0,
    };
    let stage = &run.training.teacher_b;
    let per_epoch = rows.len().div_ceil(stage.batch_size) as u64;
    let steps = stage.steps(per_epoch);
    let batch = (stage.batch_size, run.seed);
    let mut objective =
        RelayObjective::new(&mut model, texts.texts, terms, comparison, &judge_of, batch)
            .expect("an objective");
    let interrupt = Interrupt::new();
    let mut session = Session {
        device: &device,
        seed: run.seed,
        storage: None,
        interrupt: &interrupt,
        display: Display::Silent,
    };
    let options = StageOptions {
        name: "teacher_b".into(),
        steps,
        first_step: 0,
        optimizer: OptimizerConfig::AdamW {
            betas: stage.betas,
            epsilon: stage.epsilon,
            weight_decay: stage.weight_decay,
        },
        learning_rate: stage.learning_rate,
        accumulate: 1,
        schedule: stage.schedule(per_epoch),
        plateau: None,
        averaging: Averaging::Off,
        clip_norm: stage.clip_norm.get().map(|norm| norm as f32),
        patience: None,
        convergence: None,
        evaluate_every: per_epoch,
        checkpoint_every: per_epoch,
    };
    run_stage(&mut session, &options, &mut objective, None).expect("a trained B");
    weights(&model)
}

#[test]
fn a_run_repeats_itself() {
    let (a, b) = (classes(&[]), classes(&[]));
    assert_eq!(weights(&a.student), weights(&b.student));
}

/// A set that A has learned by heart leaves nothing to B.
#[test]
fn without_samples_below_the_threshold_there_is_no_second_teacher() {
    let done = classes(&["preset=literal", "distillation.threshold=0"]);
    assert!(done.teacher_b.is_none());
    assert!(done.measured.dev.get("teacher_b").is_none());
    assert!(done.measured.dev.get("student").is_some());
}
