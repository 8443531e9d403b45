use std::collections::BTreeMap;

use super::*;
use crate::metrics::ConfusionMatrix;
use crate::run_folder::RunPaths;

const TRUTH: [u32; 6] = [0, 0, 0, 1, 1, 2];

/// Six texts of three classes, and two models.
fn classes() -> Predictions {
    let sample = |(number, &truth): (usize, &u32)| Sample {
        truth: Some(truth),
        text: Some(format!("text {number}")),
        ..Sample::default()
    };
    let samples = TRUTH.iter().enumerate().map(sample).collect();
    let labels = ["a", "b", "c"].map(String::from).to_vec();
    let truths = TRUTH.map(|truth| truth.to_string());
    let mut predictions = Predictions::new("test", AnswerKind::Classes, labels, samples, &truths);
    let answers = |decided: [u32; 6]| {
        let all = decided.iter().enumerate();
        let answer = |(n, &class): (usize, &u32)| Answer::of_class(class, 0.5, n as f64 / 4.0);
        all.map(answer).collect::<Vec<_>>()
    };
    predictions
        .models
        .set("teacher", answers([0, 0, 1, 1, 2, 2]));
    predictions
        .models
        .set("student", answers([0, 1, 1, 1, 1, 0]));
    predictions
}

fn judged(predictions: &Predictions, model: &str) -> Judgements {
    predictions.judged().models.get(model).unwrap().clone()
}

fn hits(correct: u64, gold: u64, predicted: u64) -> SpanHits {
    SpanHits {
        correct,
        gold,
        predicted,
    }
}

/// Two samples of parts, the second with the type that the first has not.
fn parts(kind: AnswerKind) -> Predictions {
    let samples = vec![Sample::default(), Sample::default()];
    let mut predictions = Predictions::new("dev", kind, Vec::new(), samples, &["1", "2"]);
    let of = |types: &[(&str, SpanHits)], right, all, errors| {
        let hits = types.iter().map(|(name, hits)| (name.to_string(), *hits));
        Answer::of_parts(hits.collect(), Units { right, all, errors }, 0.5)
    };
    let first = of(&[("PER", hits(1, 2, 1))], 3, 4, 1);
    let second = of(&[("LOC", hits(0, 0, 1)), ("PER", hits(1, 1, 1))], 1, 1, 2);
    predictions.models.set("model", vec![first, second]);
    predictions
}

#[test]
fn figures_of_classes_are_those_of_the_confusion_matrix() {
    let predictions = classes();
    let judged = judged(&predictions, "teacher");
    let matrix = ConfusionMatrix::from_labels(&TRUTH, &[0, 0, 1, 1, 2, 2], 3).unwrap();
    let value = |name| judged.figure(name).unwrap().value;
    assert_eq!(value("accuracy"), matrix.accuracy());
    assert_eq!(value("macro_f1"), matrix.macro_f1());
    // (0 + 1 + 2 + 3 + 4 + 5) / 4 / 6
    assert!((value("cross_entropy") - 0.625).abs() < 1e-7);
    let scores: Vec<_> = judged
        .by_type()
        .into_iter()
        .map(|(_, scores)| scores)
        .collect();
    assert_eq!(scores, matrix.per_class());
}

#[test]
fn the_interval_of_an_accuracy_is_that_of_its_binomial_distribution() {
    // 4 of 6 are right. In a draw the number that is right is binomial with n = 6 and p = 2/3: at most 1
    // with probability 0.018, at most 2 with 0.100, 6 with 0.088. So 2/6 and 6/6 are the percentiles.
    let judged = judged(&classes(), "teacher");
    let interval = judged.figure("accuracy").unwrap().interval.unwrap();
    assert_eq!((interval.low, interval.high), (2.0 / 6.0, 1.0));
}

#[test]
fn figures_of_parts_agree_with_a_calculation_by_hand() {
    let value = |kind, name: &str| {
        let judged = judged(&parts(kind), "model");
        judged.figure(name).unwrap().value
    };
    // Of 3 true and 3 found spans 2 are both.
    assert_eq!(value(AnswerKind::Spans, "span_f1"), 4.0 / 6.0);
    assert_eq!(value(AnswerKind::Keywords, "keyword_precision"), 2.0 / 3.0);
    assert_eq!(value(AnswerKind::Pixels, "foreground_recall"), 2.0 / 3.0);
    // PER alone occurs in the truth: 2 * 2 / (3 + 2).
    assert_eq!(value(AnswerKind::Spans, "span_macro_f1"), 0.8);
    assert_eq!(value(AnswerKind::Tags, "token_accuracy"), 0.8);
    assert!((value(AnswerKind::Pixels, "pixel_error") - 0.2).abs() < 1e-15);
    assert_eq!(value(AnswerKind::Speech, "word_error_rate"), 0.6);
    assert_eq!(value(AnswerKind::Speech, "segment_accuracy"), 0.8);
    let judged = judged(&parts(AnswerKind::Spans), "model");
    let types: Vec<_> = judged
        .by_type()
        .iter()
        .map(|(name, s)| (*name, s.support, s.predicted))
        .collect();
    assert_eq!(types, [("LOC", 0, 1), ("PER", 3, 2)]);
    assert!(judged.calibration().is_none(), "no probabilities");
}

#[test]
fn samples_are_compared_by_their_own_scores() {
    let mut predictions = parts(AnswerKind::Spans);
    let better = Answer::of_parts(
        BTreeMap::from([("PER".to_string(), hits(2, 2, 2))]),
        Units {
            right: 4,
            all: 4,
            errors: 0,
        },
        0.0,
    );
    let same = predictions.models.get("model").unwrap()[1].clone();
    predictions.models.set("other", vec![better, same]);
    let judged = predictions.judged();
    let test = paired_test((&judged, "other"), (&judged, "model")).unwrap();
    assert_eq!(
        (test.metric, test.signs.better, test.signs.worse),
        ("span_f1", 1, 0)
    );
    // 6/7 now, 4/6 before.
    assert!((test.bootstrap.difference - (6.0 / 7.0 - 2.0 / 3.0)).abs() < 1e-12);
}

#[test]
fn other_samples_are_not_compared() {
    let (mine, mut theirs) = (classes(), classes());
    let test = |theirs: &Predictions, model: &str| {
        paired_test((&mine.judged(), "teacher"), (&theirs.judged(), model))
    };
    assert!(test(&theirs, "student").is_some() && test(&theirs, "nobody").is_none());
    let samples = theirs.samples.clone();
    let changed = Predictions::new("test", AnswerKind::Classes, Vec::new(), samples, &["0"; 6]);
    assert_ne!(changed.checksum, theirs.checksum, "other truths");
    theirs.checksum = changed.checksum;
    assert!(test(&theirs, "student").is_none());
    let joined = |texts: [&str; 2]| {
        let sample = |text: &str| Sample {
            text: Some(text.into()),
            ..Sample::default()
        };
        let samples = texts.map(sample).to_vec();
        Predictions::new("test", AnswerKind::Tags, Vec::new(), samples, &["", ""]).checksum
    };
    assert_ne!(joined(["ab", "c"]), joined(["a", "bc"]), "texts have ends");
}

#[test]
fn what_is_written_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let paths = RunPaths::new(folder.path());
    assert_eq!(Predictions::read(&paths, "test").unwrap(), None);
    for predictions in [classes(), parts(AnswerKind::Speech)] {
        predictions.write(&paths).unwrap();
        let read = Predictions::read(&paths, &predictions.split).unwrap();
        assert_eq!(read, Some(predictions));
    }
    let mut short = classes();
    short.models.set("student", vec![Answer::default()]);
    let message = short.write(&paths).unwrap_err().to_string();
    assert!(message.contains("student answered 1 of the 6"), "{message}");
}

#[test]
fn a_loss_without_bounds_is_written_and_is_the_hardest() {
    let folder = tempfile::tempdir().unwrap();
    let paths = RunPaths::new(folder.path());
    let mut predictions = classes();
    let mut answers = predictions.models.get("teacher").unwrap().clone();
    answers[3] = Answer::of_class(1, 1.0, f64::NAN);
    predictions.models.set("teacher", answers);
    predictions.write(&paths).unwrap();
    let read = Predictions::read(&paths, "test").unwrap().unwrap();
    assert_eq!(read.hardest("teacher"), [3, 5, 4, 2, 1], "0 has no loss");
    let judged = judged(&read, "teacher");
    assert_eq!(judged.figure("cross_entropy").unwrap().value, f64::INFINITY);
}

#[test]
fn damage_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let paths = RunPaths::new(folder.path());
    classes().write(&paths).unwrap();
    let path = paths.predictions("test");
    let text = std::fs::read_to_string(&path).unwrap();
    let cut = text.rfind("{\"sample\":5").unwrap();
    let line = |from: &str, to: &str| text.replacen(from, to, 1);
    for (content, words) in [
        (String::new(), "line 1: the file is empty"),
        (text[..cut].to_string(), "5 samples, expected 6"),
        (text[..cut + 12].to_string(), "line 7: EOF"),
        (
            line("predictions\"", "weights\""),
            "line 1: expected limbeck-predictions 1",
        ),
        (
            line("\"sample\":2", "\"sample\":4"),
            "line 4: sample 4, expected 2",
        ),
        (
            line("\"truth\":0", "\"truth\":3"),
            "line 2: class 3 is outside the 3",
        ),
        (line("\"truth\":0,", ""), "line 2: a class is missing"),
        (
            line("\"teacher\":{", "\"tutor\":{"),
            "line 2: expected answers of teacher, student",
        ),
    ] {
        std::fs::write(&path, content).unwrap();
        let message = Predictions::read(&paths, "test").unwrap_err().to_string();
        assert!(
            message.contains(words) && message.contains("test.jsonl"),
            "{message}"
        );
    }
}

#[test]
fn texts_are_kept_of_the_hardest_alone_and_cut() {
    let sample = |number: usize| Sample {
        truth: Some(0),
        text: Some(format!("{number} {}", "颜".repeat(CHARACTERS))),
        ..Sample::default()
    };
    let samples: Vec<Sample> = (0..50).map(sample).collect();
    let mut predictions = Predictions::new(
        "test",
        AnswerKind::Classes,
        vec!["a".into()],
        samples,
        &["a"; 50],
    );
    let answers = (0..50).map(|n| Answer::of_class(0, 1.0, f64::from(n)));
    predictions.models.set("model", answers.collect());
    predictions.keep_hardest_texts();
    assert_eq!(
        predictions.hardest("model"),
        (30..50).rev().collect::<Vec<_>>()
    );
    let texts: Vec<bool> = predictions
        .samples
        .iter()
        .map(|s| s.text.is_some())
        .collect();
    assert_eq!(texts.iter().position(|kept| *kept), Some(30));
    let text = predictions.samples[49].text.as_deref().unwrap();
    assert_eq!(text.chars().count(), CHARACTERS + 1);
    assert!(text.starts_with("49 颜") && text.ends_with('…'));
}

#[test]
fn models_meet_the_baseline_of_their_seed() {
    let sets = [classes(), classes(), parts(AnswerKind::Spans)];
    let run = |arm: &str, seed, set: Option<usize>| JudgedRun {
        arm: arm.into(),
        seed,
        models: vec!["teacher".into(), "student".into()],
        judged: set.map(|set| sets[set].judged()),
    };
    let runs = [
        run("tuned", 1, Some(0)),
        run("tuned", 2, Some(1)),
        run("other", 2, Some(0)),
        run("other", 3, None),
        run("spans", 1, Some(2)),
    ];
    let rows = paired_rows(&runs, "tuned/teacher");
    let met: Vec<_> = rows
        .iter()
        .map(|row| (&*row.arm, &*row.model, row.seed, row.against_seed))
        .collect();
    let expected = [
        ("tuned", "student", 1, 1),
        ("tuned", "student", 2, 2),
        ("other", "teacher", 2, 2),
        ("other", "student", 2, 2),
        ("other", "teacher", 3, 1),
        ("other", "student", 3, 1),
        ("spans", "teacher", 1, 1),
        ("spans", "student", 1, 1),
    ];
    assert_eq!(met, expected);
    // The student is wrong in 1 where the teacher is right, and in 5; right in 4 where it is wrong.
    let test = rows[0].test.unwrap();
    assert_eq!((test.signs.better, test.signs.worse), (1, 2));
    assert_eq!(rows[2].test.unwrap().bootstrap.difference, 0.0);
    let missing = |row: usize| rows[row].missing.clone().unwrap();
    assert_eq!(
        missing(4),
        "the folder of other, seed 3, keeps no predictions"
    );
    assert_eq!(missing(6), "they were not judged on the same samples");
    let rows = paired_rows(&runs, "nobody");
    assert_eq!(
        (&*rows[0].against_arm, &*rows[0].against_model),
        ("tuned", "teacher")
    );
    assert!(paired_rows(&[], "teacher").is_empty());
}
