//! Every option does something.

use crate::tiny::{run, weights};

fn student(overrides: &[&str]) -> u64 {
    let off = [
        "student_alone=false",
        "plain_mutual=false",
        "distillation.sender_outputs=\"in_sample\"",
        // The last weights are the best, and not those of a cycle before the options differ.
        "training.mutual.evaluate_every=\"100 %\"",
    ];
    weights(&run(&[&off, overrides].concat()).student)
}

#[test]
fn every_option_changes_the_student() {
    let base = student(&[]);
    let changes: [&[&str]; 20] = [
        &["distillation.direction=\"one_way\""],
        &["distillation.alternate=\"batch\""],
        &[
            "distillation.gate=\"batch\"",
            "distillation.metric=\"macro_f1\"",
        ],
        &[
            "distillation.gate=\"batch\"",
            "distillation.metric=\"accuracy\"",
        ],
        &["distillation.metric=\"certainty\""],
        &["distillation.metric=\"correct\""],
        &["distillation.closed_share=0.9"],
        &["distillation.on_closed=\"augment\""],
        &["distillation.on_closed=\"skip\""],
        &["distillation.on_closed=\"label_mix\""],
        &["distillation.on_closed=\"cross_mix\""],
        &["distillation.closed_weight=0.6"],
        &[
            "distillation.on_closed=\"label_mix\"",
            "distillation.label_share=0.9",
        ],
        &["distillation.mixup_alpha=3"],
        &["distillation.dropout=0.5"],
        &["distillation.lambda=0.5"],
        &["distillation.residual=\"sum\""],
        &["distillation.residual=\"layer_norm\""],
        &["distillation.alpha=0.9"],
        &["distillation.temperature=4"],
    ];
    let mut seen = vec![(base, "nothing")];
    for change in changes {
        let found = student(change);
        if let Some((_, other)) = seen.iter().find(|(weights, _)| *weights == found) {
            panic!("{change:?} gives what {other} gives");
        }
        seen.push((found, change[change.len() - 1]));
    }
}

#[test]
fn kinds_of_messages_and_teachers_of_other_widths() {
    let only = |kind: &str| {
        let weights = ["rep_kl", "rep_mse", "class_kl"]
            .map(|name| format!("distillation.weights.{name}={}", u8::from(name == kind)));
        student(&weights.each_ref().map(String::as_str))
    };
    let [a, b, c] = ["rep_kl", "rep_mse", "class_kl"].map(only);
    assert!(a != b && b != c && a != c);
    // Through a map that is learned.
    let wider = student(&["teacher.hidden_size=20"]);
    assert_ne!(
        wider,
        student(&["teacher.hidden_size=20", "distillation.weights.rep_mse=0"])
    );
}

#[test]
fn scores_of_models_that_have_not_seen_the_texts() {
    let cross_fitted = run(&["student_alone=false"]);
    assert_ne!(weights(&cross_fitted.student), student(&[]));
}

/// Transductive teachers, which know the documents of test.
#[test]
fn teachers_over_the_corpus() {
    for kind in ["corpus", "sgc"] {
        let text = crate::tiny::TINY.replace(
            "embedding_size = 12\nhidden_size = 16\ndropout = 0.1\n[student]",
            "[student]",
        );
        let overrides = [
            format!("teacher.kind={kind}"),
            "distillation.weights.rep_mse=0".into(),
            "distillation.sender_outputs=\"in_sample\"".into(),
            "training.teacher.length=\"200 steps\"".into(),
        ];
        let overrides: Vec<_> = overrides.iter().map(|o| o.parse().expect("one")).collect();
        let run = match limbeck_recipes::config::parse("tiny.toml", &text, &overrides) {
            Ok(limbeck_recipes::config::Run::GateMixup(run)) => *run,
            other => panic!("{other:?}"),
        };
        let device = limbeck_engine::Device::cpu();
        let interrupt = limbeck_training::interrupt::Interrupt::new();
        let mut context = limbeck_recipes::RunContext::in_memory(&device, 3, &interrupt);
        let data = crate::tiny::data(&run);
        let done = limbeck_recipes::gate_mixup::distill(&run, &data, &mut context).expect(kind);
        let test = done.measured.test.expect("figures on test");
        let figure = |model: &str, name: &str| test.get(model).and_then(|row| row.get(name));
        for model in ["teacher", "mutual", "student"] {
            assert_eq!(figure(model, "transductive"), Some(1.0), "{kind}: {model}");
        }
        assert_eq!(figure("student_alone", "transductive"), None);
        let accuracy = figure("teacher", "accuracy").expect("a figure");
        assert!(accuracy > 0.3, "{kind}: {accuracy} of ten classes");
        let unknown = done.teacher.predict(&["a text that nobody wrote"]);
        let message = unknown.expect_err("not in the graph").to_string();
        assert!(message.contains("transductive"), "{message}");
    }
}
