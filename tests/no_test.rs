//! `--no-test`: choices are made on dev, and the test file is not opened before somebody asks.
#![cfg(feature = "cli")]

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;

const TRAIN: &str = r#"
task = "train"
[data]
dev = "dev.tsv"
[model]
kind = "bag_of_ngrams"
[training]
length = "6 steps"
batch_size = 8
"#;

const DISTIL: &str = r#"
task = "layerwise"
[data]
labelled_fraction = 0.5
[teacher]
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

/// Lines `label<TAB>text` of two classes.
fn texts(numbers: std::ops::Range<usize>) -> String {
    numbers.fold(String::new(), |mut lines, row| {
        let (label, text) = match row % 2 {
            0 => ("pigment", "blue powder"),
            _ => ("solvent", "clear liquid"),
        };
        writeln!(lines, "{label}\t{text} no {row}").expect("memory");
        lines
    })
}

const TURNS: &str = r#"
task = "gate_mixup"
[data]
[teacher]
kind = "corpus"
hidden_size = 8
[student]
hidden_size = 8
layers = 1
heads = 2
feed_forward_size = 8
[distillation]
sender_outputs = "in_sample"
[training.teacher]
length = "4 steps"
[training.student]
length = "4 steps"
[training.mutual]
length = "1 epoch"
"#;

/// A folder with a run file and data, but without a test file.
fn folder(run_file: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let files = [
        ("run.toml", run_file.to_owned()),
        ("train.tsv", texts(0..40)),
        ("dev.tsv", texts(40..50)),
    ];
    for (name, content) in files {
        fs::write(folder.path().join(name), content).expect("a file");
    }
    folder
}

/// Runs `limbeck COMMAND run.toml --out OUT` with more arguments; gives its stdout.
fn limbeck(folder: &Path, command: &str, out: &str, more: &[&str]) -> String {
    let mut limbeck = Command::new(cargo_bin!("limbeck"));
    limbeck.args([command, "run.toml", "--out", out, "--quiet"]);
    let output = limbeck.args(more).current_dir(folder).output();
    let output = output.expect("the program starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("a file")).expect("JSON")
}

fn data_roles(run: &Path) -> Vec<String> {
    let info = json(&run.join("run.json"));
    let files = info["data"].as_array().expect("a list");
    let role = |file: &Value| file["role"].as_str().expect("a role").to_owned();
    files.iter().map(role).collect()
}

#[test]
fn a_model_is_judged_on_dev_alone_until_test_is_asked_for() {
    let folder = folder(TRAIN);
    let run = folder.path().join("run");
    let table = limbeck(folder.path(), "train", "run", &["--no-test"]);
    assert!(table.contains("test was not read"), "{table}");
    let results = json(&run.join("results.json"));
    let accuracy = results["dev"]["accuracy"].as_f64().expect("a figure");
    assert!((0.0..=1.0).contains(&accuracy));
    assert!(results["dev"]["parameters"].as_u64() > Some(0));
    assert!(results.get("test").is_none(), "{results}");
    assert_eq!(data_roles(&run), ["train", "dev"]);
    let report = fs::read_to_string(run.join("report.html")).expect("the report");
    assert!(report.contains("Test was not read"));

    // Asked again without test, it is finished; asked with test, test is read.
    assert_eq!(
        limbeck(folder.path(), "train", "run", &["--no-test", "--resume"]),
        table
    );
    fs::write(folder.path().join("test.tsv"), texts(50..60)).expect("a file");
    let weights = fs::read(run.join("model/model/model.safetensors")).expect("weights");
    let table = limbeck(folder.path(), "train", "run", &["--resume"]);
    assert!(!table.contains("not read"), "{table}");
    let finished = json(&run.join("results.json"));
    assert!(finished["test"]["accuracy"].is_number(), "{finished}");
    assert_eq!(finished["dev"]["accuracy"], results["dev"]["accuracy"]);
    assert_eq!(finished["seconds"], results["seconds"]);
    assert_eq!(data_roles(&run), ["train", "dev", "test"]);
    assert_eq!(
        fs::read(run.join("model/model/model.safetensors")).expect("weights"),
        weights
    );
    let report = fs::read_to_string(run.join("report.html")).expect("the report");
    assert!(report.contains("Classes on test") && !report.contains("Test was not read"));
}

#[test]
fn every_model_of_a_distillation_has_its_figures_on_dev_and_later_on_test() {
    let folder = folder(DISTIL);
    let results = folder.path().join("run/results.json");
    limbeck(folder.path(), "distill", "run", &["--no-test"]);
    let before = json(&results);
    assert!(before.get("test").is_none(), "{before}");
    // The log has what --quiet kept from stderr.
    let log = fs::read_to_string(folder.path().join("run/log.txt")).expect("the log");
    for words in [
        "train 40 texts",
        "block  kernel  layer  width",
        "16 -> 8",
        "pairs: ",
    ] {
        assert!(log.contains(words), "{words:?} is missing in\n{log}");
    }
    fs::write(folder.path().join("test.tsv"), texts(50..60)).expect("a file");
    limbeck(folder.path(), "distill", "run", &["--resume"]);
    let after = json(&results);
    // A run that read test at once has the same figures.
    limbeck(folder.path(), "distill", "whole", &[]);
    let whole = json(&folder.path().join("whole/results.json"));
    for model in ["teacher", "student_alone", "student"] {
        for figure in ["accuracy", "macro_f1"] {
            assert!(before["dev"][model][figure].is_number(), "{model} {figure}");
            for split in ["dev", "test"] {
                let [later, at_once] = [&after, &whole].map(|r| &r[split][model][figure]);
                assert!(later.is_number(), "{split} {model} {figure}");
                assert_eq!(later, at_once, "{split} {model} {figure}");
            }
        }
    }
}

#[test]
fn an_interrupted_run_may_read_test_after_all() {
    let folder = folder(TRAIN);
    let run = folder.path().join("run");
    limbeck(folder.path(), "train", "run", &["--no-test"]);
    // As if it had been killed after its last checkpoint.
    fs::remove_file(run.join("results.json")).expect("results");
    fs::remove_dir_all(run.join("model")).expect("the model");
    fs::write(folder.path().join("test.tsv"), texts(50..60)).expect("a file");
    limbeck(folder.path(), "train", "run", &["--resume"]);
    assert!(json(&run.join("results.json"))["test"]["accuracy"].is_number());
    assert_eq!(data_roles(&run), ["train", "dev", "test"]);
}

/// A transductive model takes in the texts of test, whether or not it is judged on them; and what the
/// gates did is known later too.
#[test]
fn turns_with_a_transductive_teacher_are_judged_on_test_later() {
    let folder = folder(TURNS);
    let words = "texts";
    fs::write(folder.path().join("test.tsv"), texts(50..60)).expect(words);
    limbeck(folder.path(), "distill", "run", &["--no-test"]);
    let results = folder.path().join("run/results.json");
    assert!(json(&results).get("test").is_none());
    limbeck(folder.path(), "distill", "run", &["--resume"]);
    let after = json(&results);
    limbeck(folder.path(), "distill", "whole", &[]);
    let whole = json(&folder.path().join("whole/results.json"));
    for model in ["teacher", "student_alone", "mutual", "student"] {
        for figure in [
            "accuracy",
            "macro_f1",
            "transductive",
            "closed_share",
            "degenerate",
        ] {
            for split in ["dev", "test"] {
                let [later, at_once] = [&after, &whole].map(|r| &r[split][model][figure]);
                assert_eq!(later, at_once, "{split} {model} {figure}");
            }
        }
    }
    assert_eq!(whole["test"]["student"]["transductive"], 1);
    assert!(whole["test"]["student"]["closed_share"].is_number());
}
