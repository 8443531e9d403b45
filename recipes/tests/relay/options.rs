//! Every option does something.

use crate::tiny::{classes, weights};

fn student(overrides: &[&str]) -> u64 {
    let off = [
        "student_alone=false",
        // The last weights are the best, and not those of before the options differ.
        "training.relay.evaluate_every=\"100 %\"",
        "training.last.evaluate_every=\"100 %\"",
    ];
    weights(&classes(&[&off, overrides].concat()).student)
}

#[test]
fn every_option_changes_the_student() {
    let literal = ["preset=literal", "distillation.predict_mode=\"cross_fit\""];
    let changes: [&[&str]; 22] = [
        &[],
        &["distillation.score=\"likelihood\""],
        &[
            "distillation.score=\"cosine\"",
            "distillation.threshold=0.5",
        ],
        &[
            "distillation.score=\"euclidean\"",
            "distillation.threshold=0.5",
        ],
        &["distillation.threshold=0"],
        &["distillation.predict_mode=\"in_sample\""],
        &["distillation.folds=3"],
        &["distillation.policy=\"best_of\""],
        &["distillation.policy=\"fallback_original\""],
        &["distillation.policy=\"drop\""],
        &["distillation.policy=\"soft_a\""],
        &["distillation.b_target=\"below_threshold\""],
        &["distillation.b_extra=0.5"],
        &["distillation.b_min=100"],
        &["distillation.label_form=\"soft\""],
        &[
            "distillation.label_form=\"soft\"",
            "distillation.temperature=3",
        ],
        &["distillation.final_target=\"relay\""],
        &["distillation.final_target=\"mixed\""],
        &["distillation.loss=\"cross_entropy\""],
        &["distillation.loss=\"cosine\""],
        &["distillation.loss=\"euclidean\""],
        &["distillation.gamma=1"],
    ];
    let mut seen: Vec<(u64, &[&str])> = Vec::new();
    for change in changes {
        let found = student(&[&literal, change].concat());
        if let Some((_, other)) = seen.iter().find(|(weights, _)| *weights == found) {
            panic!("{change:?} gives what {other:?} gives");
        }
        seen.push((found, change));
    }
}

/// A loss that has converged makes the student final: its last stage is left out.
#[test]
fn a_converged_student_is_final() {
    let rule = |bound: &str| {
        let bound = format!("distillation.convergence.loss_below={bound}");
        classes(&[
            "preset=literal",
            "training.relay.length=\"32 steps\"",
            &bound,
        ])
    };
    let weights_of = |bound: &str, target: &str| {
        let bound = format!("distillation.convergence.loss_below={bound}");
        let target = format!("distillation.final_target={target:?}");
        let overrides = ["preset=literal", "training.relay.length=\"32 steps\""];
        weights(&classes(&[&overrides[..], &[&bound, &target]].concat()).student)
    };
    assert_eq!(
        weights_of("1000", "original"),
        weights_of("1000", "relay"),
        "there is no last stage to have a target"
    );
    assert_ne!(weights_of("0", "original"), weights_of("0", "relay"));
    assert!(rule("1000").measured.dev.get("student").is_some());
}

/// Noise is in train and dev, never in test.
#[test]
fn noise_spares_the_test_set() {
    let read = |noise: &str| {
        let run = crate::tiny::parse(crate::tiny::CLASSES, &[noise]).expect("a run file");
        crate::tiny::data(&run)
    };
    let (clean, noisy) = (read("data.label_noise=0"), read("data.label_noise=0.4"));
    let labels = |data: &limbeck_recipes::relay::RelayData| {
        let mut all: Vec<(String, u32)> = Vec::new();
        for part in [&data.train, &data.dev.samples] {
            let labels = part.labels.iter().map(|labels| labels[0]);
            all.extend(part.texts.iter().cloned().zip(labels));
        }
        all.sort();
        all
    };
    let (clean_labels, noisy_labels) = (labels(&clean), labels(&noisy));
    let changed = clean_labels
        .iter()
        .filter(|pair| !noisy_labels.contains(pair))
        .count();
    assert!((25..75).contains(&changed), "{changed} of 120");
    let test = |data: limbeck_recipes::relay::RelayData| data.test.expect("a test set").samples;
    assert_eq!(test(clean), test(noisy));
}

/// The same texts are dev and train, whatever is wrong with their labels.
#[test]
fn noise_does_not_move_the_split() {
    let read = |overrides: &[&str]| {
        let run = crate::tiny::parse(crate::tiny::CLASSES, overrides).expect("a run file");
        crate::tiny::data(&run)
    };
    let clean = read(&[]);
    for seed in ["seed=1", "seed=2"] {
        let noisy = read(&["data.label_noise=0.4", seed]);
        assert_eq!(noisy.dev.samples.texts, clean.dev.samples.texts, "{seed}");
        assert_ne!(noisy.dev.samples.labels, clean.dev.samples.labels, "{seed}");
    }
}
