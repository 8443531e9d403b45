//! Acceptance criteria that need whole models: A2, A4, A5, A6, A7.

use limbeck_engine::Tape;
use limbeck_models::Encoded;
use limbeck_recipes::config::{self, Override};

use crate::tiny::{TINY, run, teacher, weights};

/// A2 and A4: the projections have the shape of the levels, and stage 2 leaves every bit of the
/// teacher, its projections included, as it was.
#[test]
fn the_teacher_projects_to_the_students_width_and_stays_frozen() {
    let short = run(&["training.student.length=\"1 step\""]);
    let long = run(&["training.student.length=\"9 steps\""]);
    let records = teacher(&long).model().parameters().records();
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
    assert_eq!(weights(teacher(&short)), weights(teacher(&long)));
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
    for classifier in [teacher(&done), &done.student] {
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
    let refused = teacher(&done).model().batch(&[&foreign], 0);
    let message = refused.expect_err("another vocabulary").to_string();
    assert!(message.contains("vocabulary"), "{message}");
}

/// Every trainable parameter of both models receives a gradient from the whole loss.
#[test]
fn no_parameter_is_left_without_a_gradient() {
    let done = run(&[]);
    for classifier in [teacher(&done), &done.student] {
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
