//! Run files that contradict themselves, and data that are not what they should be.

use std::path::Path;

use limbeck_data::pictures::write_grey;
use limbeck_recipes::unit_select::UnitData;

use crate::tiny::{CLASSES, PIXELS, SPEECH, TAGS, parse, run_in};

fn refused(data: &str, overrides: &[&str], words: &[&str]) {
    let error = parse(data, overrides)
        .expect_err("contradictory")
        .to_string();
    for word in words {
        assert!(error.contains(word), "{overrides:?}: {error}");
    }
}

#[test]
fn options_that_make_no_sense_are_refused() {
    for (option, words) in [
        ("distillation.folds=1", ["folds", "at least 2"]),
        ("distillation.margin=nan", ["margin", "number"]),
        ("distillation.min_share=1", ["min_share", "below 1"]),
        ("distillation.alpha=1.5", ["alpha", "from 0 to 1"]),
        ("distillation.temperature=0", ["temperature", "above 0"]),
        ("distillation.kd_weight=-1", ["kd_weight", "negative"]),
        ("distillation.ema=1", ["ema", "between 0 and 1"]),
        ("distillation.selection=\"none\"", ["selection", "compare"]),
        (
            "distillation.selection=\"best\"",
            ["selection", "teacher_better"],
        ),
        ("distillation.masks.teacher=256", ["masks", "256"]),
    ] {
        refused(CLASSES, &[option], &words);
    }
    refused(
        CLASSES,
        &["distillation.masks.student=255"],
        &["masks", "different"],
    );
    let tau = ["distillation.form=\"target_mix\""];
    refused(CLASSES, &tau, &["target_mix", "temperature"]);
    let mixed = [
        "distillation.form=\"target_mix\"",
        "distillation.transfer=\"l2\"",
    ];
    refused(CLASSES, &mixed, &["target_mix", "kl"]);
    refused(
        TAGS,
        &["data.format=\"keywords\""],
        &["data.format", "relay"],
    );
    refused(TAGS, &["words.crf=true"], &["words.crf", "scores"]);
    refused(PIXELS, &["student.groups=3"], &["groups", "divisor"]);
    refused(
        PIXELS,
        &["data.pictures.values=[]"],
        &["values", "membrane"],
    );
    refused(
        PIXELS,
        &["data.label_noise=0.1"],
        &["label_noise", "pictures"],
    );
    refused(SPEECH, &["data.speech.longest=1"], &["longest", "shortest"]);
    refused(SPEECH, &["student.kernel_sizes=[]"], &["kernel_sizes"]);
    let paths = ["distillation.difference=\"l1\""];
    refused(SPEECH, &paths, &["difference", "paths"]);
}

fn unreadable(data: &str, overrides: &[&str], change: impl Fn(&Path), words: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    let run = run_in(folder.path(), data, overrides);
    change(folder.path());
    let error = UnitData::read(&run, true)
        .err()
        .expect("unreadable")
        .to_string();
    for word in words {
        assert!(error.contains(word), "{overrides:?}: {error}");
    }
}

#[test]
fn pictures_that_do_not_fit_are_refused() {
    let nothing = |_: &Path| {};
    let values = ["data.pictures.values=[\"0 edge\"]"];
    unreadable(
        PIXELS,
        &values,
        nothing,
        &["data.pictures.values", "0 edge"],
    );
    let foreground = ["data.pictures.foreground=\"cell\""];
    unreadable(
        PIXELS,
        &foreground,
        nothing,
        &["foreground", "edge, inside", "cell"],
    );
    let crop = ["data.pictures.crop=64"];
    unreadable(PIXELS, &crop, nothing, &["crop", "64", "24 x 20"]);
    let ignored = ["data.pictures.ignored=[]"];
    unreadable(PIXELS, &ignored, nothing, &["label", "100", "0.png"]);
    let smaller = |folder: &Path| {
        write_grey(&folder.join("label/3.png"), 4, 4, &[0; 16]).expect("written");
    };
    unreadable(PIXELS, &[], smaller, &["3.png", "4 x 4", "24 x 20"]);
    let missing = |folder: &Path| std::fs::remove_file(folder.join("label/3.png")).expect("gone");
    unreadable(PIXELS, &[], missing, &["3", "label"]);
}

#[test]
fn speech_that_does_not_fit_is_refused() {
    let nothing = |_: &Path| {};
    let stranger = ["data.speech.test_speakers=[\"cay\"]"];
    unreadable(
        SPEECH,
        &stranger,
        nothing,
        &["data.speech.test_speakers", "ann", "ben", "cay"],
    );
    let first = "train-low-ann-0.wav";
    let empty = |folder: &Path| std::fs::write(folder.join(first), b"").expect("written");
    unreadable(SPEECH, &[], empty, &[first]);
    let broken =
        |folder: &Path| std::fs::write(folder.join(first), b"RIFF....WAVE").expect("written");
    unreadable(SPEECH, &[], broken, &[first]);
    let unknown = |folder: &Path| {
        let path = folder.join("test.tsv");
        let table = std::fs::read_to_string(&path).expect("a table");
        std::fs::write(path, table.replace("low\t", "lower\t")).expect("written");
    };
    unreadable(
        SPEECH,
        &[],
        unknown,
        &["lower", "high, low, middle", "test-low-"],
    );
}

/// A dataset without test figures is still checked without reading test.
#[test]
fn test_is_read_only_if_it_is_asked_for() {
    for data in [PIXELS, SPEECH, TAGS, CLASSES] {
        let folder = tempfile::tempdir().expect("a folder");
        let run = run_in(folder.path(), data, &[]);
        let without = UnitData::read(&run, false).expect("readable data");
        assert!(without.test.is_none() && !without.train.is_empty() && !without.dev.is_empty());
        let with = UnitData::read(&run, true).expect("readable data");
        assert!(with.test.is_some_and(|test| !test.is_empty()));
    }
}
