//! A student that learns from the finished teacher of another run.
#![cfg(feature = "cli")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;

const RUN_FILE: &str = r#"
task = "layerwise"
[data]
format = "corpus"
labelled_fraction = 0.3
[data.corpus]
train_size = 240
test_size = 40
[pairs]
source = "corpus"
[teacher]
kind = "transformer"
hidden_size = 16
layers = 2
heads = 2
feed_forward_size = 32
[student]
channels = 8
embedding_size = 16
kernel_sizes = [2, 3]
[distillation]
embedding_level = true
[training]
unlabelled_batch_size = 8
[training.teacher]
length = "12 steps"
evaluate_every = "5 steps"
[training.student]
length = "14 steps"
evaluate_every = "5 steps"
"#;

/// A folder with a run file, and the run `one` that trained its own teacher.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Folder(tempfile::tempdir().expect("a folder"));
        fs::write(folder.path("run.toml"), RUN_FILE).expect("the run file");
        folder.distill("one", &[]).expect("a run of its own");
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn limbeck(&self, arguments: &[&str], settings: &[&str]) -> Output {
        let mut command = Command::new(cargo_bin!("limbeck"));
        command.current_dir(self.0.path()).args(arguments);
        for setting in settings {
            command.args(["-s", setting]);
        }
        command.output().expect("the program starts")
    }

    /// The error, where the run ends with exit code 3.
    fn distill(&self, out: &str, settings: &[&str]) -> Result<(), String> {
        let output = self.limbeck(&["distill", "run.toml", "--out", out, "--quiet"], settings);
        let errors = String::from_utf8(output.stderr).expect("UTF-8");
        match output.status.code() {
            Some(0) => Ok(()),
            code => {
                assert_eq!(code, Some(3), "{errors}");
                Err(errors)
            }
        }
    }

    fn weights(&self, run: &str, model: &str) -> Vec<u8> {
        let path = self.path(run).join("model").join(model);
        fs::read(path.join("model.safetensors")).expect("finished weights")
    }

    fn json(&self, file: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path(file)).expect("a file")).expect("JSON")
    }

    /// What was measured in the stage of the student.
    fn student_metrics(&self, run: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path(run).join("metrics.jsonl")).expect("metrics");
        let of_student = |line: &&str| line.contains("\"student\"");
        text.lines().filter(of_student).map(String::from).collect()
    }
}

#[test]
fn the_student_has_the_bits_it_has_where_the_teacher_is_trained() {
    let folder = Folder::new();
    let settings = ["teacher_run=one", "student_alone=false"];
    folder.distill("two", &settings).expect("a student");
    for model in ["teacher", "student"] {
        assert_eq!(folder.weights("two", model), folder.weights("one", model));
    }
    let measured = folder.student_metrics("two");
    assert!(!measured.is_empty());
    assert_eq!(measured, folder.student_metrics("one"));
    let text = fs::read_to_string(folder.path("two/metrics.jsonl")).expect("metrics");
    assert!(!text.contains("\"teacher\""), "no teacher was trained");

    assert!(folder.path("one/model/student_alone").exists());
    assert!(!folder.path("two/model/student_alone").exists());
    let results = folder.json("two/results.json");
    assert!(results["test"]["teacher"]["accuracy"].is_number());
    assert!(results["test"]["student_alone"].is_null());

    let run = folder.json("two/run.json");
    let file = &run["data"][0];
    assert_eq!(file["role"], "teacher");
    let weights = folder.path("one/model/teacher/model.safetensors");
    let sum = limbeck::training::files::sha256_file(&weights).expect("a checksum");
    assert_eq!(file["sha256"], sum.as_str());
}

#[test]
fn another_student_learns_from_the_same_teacher() {
    let folder = Folder::new();
    let settings = ["teacher_run=one", "distillation.projection=pca"];
    let other = ["student.channels=6", "student.kernel_sizes=[1, 3]"];
    folder
        .distill("two", &[settings, other].concat())
        .expect("principal components of any teacher");
    assert_eq!(
        folder.weights("two", "teacher"),
        folder.weights("one", "teacher")
    );
}

#[test]
fn a_teacher_that_does_not_fit_is_refused_before_anything_is_written() {
    let folder = Folder::new();
    let labels = "format=\"tsv\"\ndir=\"three\"";
    fs::create_dir(folder.path("three")).expect("a folder");
    for part in ["train", "test"] {
        let lines = "acid\tone\nbase\ttwo\n".repeat(10);
        fs::write(folder.path(&format!("three/{part}.tsv")), lines).expect("data");
    }
    let text = RUN_FILE
        .replace("format = \"corpus\"", labels)
        .replace("[data.corpus]\ntrain_size = 240\ntest_size = 40\n", "")
        .replace("source = \"corpus\"", "source = \"augment\"");
    fs::write(folder.path("other.toml"), text).expect("a run file");

    for (settings, parts) in [
        (
            &["teacher_run=nowhere"][..],
            &["nowhere: ", "no model/teacher in it"][..],
        ),
        (
            &["teacher_run=one", "teacher.feed_forward_size=24"],
            &[
                "one: ",
                "`feed_forward_size` is 24 now, but was 32",
                "[teacher]",
            ],
        ),
        (
            &["teacher_run=one", "student.channels=6"],
            &[
                "projects layers [1, 2] to 8 channels and its embedding to 16",
                "needs layers [1, 2] to 6 channels",
                "\"pca\"",
            ],
        ),
        (
            &[
                "teacher_run=one",
                "distillation.embedding_level=false",
                "distillation.feature=first",
            ],
            &["<cls>", "\"mean\""],
        ),
    ] {
        for arguments in [
            &["check", "run.toml"][..],
            &["distill", "run.toml", "--out", "two"],
        ] {
            let output = folder.limbeck(arguments, settings);
            let errors = String::from_utf8(output.stderr).expect("UTF-8");
            assert_eq!(output.status.code(), Some(3), "{settings:?}: {errors}");
            for part in parts {
                assert!(errors.contains(part), "{part} is missing in {errors}");
            }
        }
    }
    let output = folder.limbeck(&["check", "other.toml"], &["teacher_run=one"]);
    let errors = String::from_utf8(output.stderr).expect("UTF-8");
    for part in ["other labels", "only the data have: \"acid\""] {
        assert!(errors.contains(part), "{part} is missing in {errors}");
    }
    assert!(!folder.path("two").exists());
}
