//! Every option changes what it says, and nothing stops for it.

use crate::tiny::{CLASSES, PIXELS, SPEECH, finished, in_folder, weights};
use limbeck_engine::Device;
use limbeck_recipes::text::TextClassifier;

/// Options that lead to another student than the presets.
const OPTIONS: [&[&str]; 16] = [
    &[],
    &["preset=literal"],
    &["distillation.selection=\"teacher_correct\""],
    &["distillation.selection=\"random\""],
    &["distillation.difference=\"zero_one\""],
    &["distillation.difference=\"l2\""],
    &["distillation.margin=0.3"],
    &["distillation.sender_outputs=\"in_sample\""],
    &["distillation.timing=\"epoch\""],
    &["distillation.timing=\"once\""],
    &["distillation.ema=0.97"],
    &["distillation.min_share=0.9"],
    &[
        "distillation.form=\"target_mix\"",
        "distillation.temperature=1",
    ],
    &["distillation.gt_units=\"complement\""],
    &["distillation.transfer=\"l1\""],
    &["distillation.kd_norm=\"valid\""],
];

#[test]
fn every_option_makes_another_student() {
    let mut seen: Vec<(u64, &[&str])> = Vec::new();
    for overrides in OPTIONS {
        let student = weights(&finished(CLASSES, overrides).student);
        for (other, with) in &seen {
            assert_ne!(&student, other, "{overrides:?} and {with:?}");
        }
        seen.push((student, overrides));
    }
}

#[test]
fn the_options_of_pixels_and_frames_work() {
    for overrides in [
        &["distillation.unlabelled_kd=true"][..],
        &["distillation.timing=\"epoch\"", "distillation.ema=0.9"],
        &["data.pictures.crop=0"],
        &[
            "data.pictures.symmetries=false",
            "distillation.difference=\"binary_cross_entropy\"",
        ],
    ] {
        let (with, without) = (finished(PIXELS, overrides), finished(PIXELS, &[]));
        assert_ne!(
            weights(&with.student),
            weights(&without.student),
            "{overrides:?}"
        );
    }
    for overrides in [
        &["distillation.difference=\"zero_one\""][..],
        &["teacher.trunk=\"recurrent\"", "student.trunk=\"recurrent\""],
        &["data.speech.test_speakers=[\"ben\"]"],
    ] {
        let (with, without) = (finished(SPEECH, overrides), finished(SPEECH, &[]));
        assert_ne!(
            weights(&with.student),
            weights(&without.student),
            "{overrides:?}"
        );
    }
}

/// Options that lean on each other: each pair says something else than either alone.
#[test]
fn options_work_together() {
    let epoch = "distillation.timing=\"epoch\"";
    let student = |overrides: &[&str]| weights(&finished(CLASSES, overrides).student);
    let random = "distillation.selection=\"random\"";
    assert_ne!(student(&[epoch, random]), student(&[epoch]));
    // An average that forgets everything is the student itself.
    let at_once = "distillation.ema=1e-9";
    assert_ne!(
        student(&[epoch, "distillation.ema=0.97"]),
        student(&[epoch])
    );
    assert_eq!(student(&[at_once]), student(&[]));
    // One unit a text: a tenth of them are selected, not one of each.
    in_folder(
        CLASSES,
        &[epoch, "distillation.min_share=0.1"],
        |_, _, _, selected| {
            let test = selected.measured.test.as_ref().expect("test was read");
            let share = test
                .get("student")
                .and_then(|row| row.get("selected_share"));
            assert!(share.is_some_and(|share| share < 1.0), "{share:?}");
        },
    );
}

/// All arms of a run begin alike and have a row of their own.
#[test]
fn the_baselines_are_rows_of_the_results() {
    let compare = "distillation.compare=[\"none\", \"all\", \"teacher_correct\", \"random\"]";
    in_folder(CLASSES, &[compare], |_, _, paths, selected| {
        let test = selected.measured.test.as_ref().expect("test was read");
        let names: Vec<&str> = test.iter().map(|(name, _)| name).collect();
        assert_eq!(
            names,
            [
                "teacher",
                "student",
                "student_alone",
                "plain_kd",
                "teacher_correct",
                "random_mask"
            ]
        );
        for (name, share) in [("plain_kd", Some(1.0)), ("student_alone", None)] {
            let row = test.get(name).expect("a row");
            assert_eq!(row.get("selected_share"), share, "{name}");
        }
        let model = |name: &str| {
            TextClassifier::load(&paths.model().join(name), &Device::cpu()).expect("a model")
        };
        assert_ne!(weights(&model("random_mask")), weights(&model("student")));
    });
}
