//! `limbeck score`, and a student that learns from a file of scores.
#![cfg(feature = "cli")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;

const RUN_FILE: &str = r#"
task = "layerwise"
student_alone = false
[data]
format = "tsv"
labelled_fraction = 0.5
dev_fraction = 0.2
[pairs]
source = "augment"
unlabelled_files = ["more.tsv"]
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
[distillation.weights]
w5 = 0
w7 = 0
[training]
unlabelled_batch_size = 8
[training.teacher]
length = "12 steps"
batch_size = 8
[training.student]
length = "14 steps"
evaluate_every = "14 steps"
batch_size = 8
"#;

/// A folder with data and a run file.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Folder(tempfile::tempdir().expect("a folder"));
        let words = ["red", "blue", "clear", "dry", "fast", "wood", "metal"];
        let text = |n: usize| {
            let word = |k: usize| words[(n * (k + 2) + k) % words.len()];
            format!("{} {} {} number {n}", word(0), word(1), word(2))
        };
        let line = |n: usize| format!("{}\t{}\n", ["resin", "colour"][n % 2], text(n));
        let lines = |range: std::ops::Range<usize>| range.map(line).collect::<String>();
        let unlabelled: String = (70..80).map(|n| text(n) + "\n").collect();
        for (name, text) in [
            ("train.tsv", lines(0..60)),
            ("test.tsv", lines(60..70)),
            ("more.tsv", unlabelled),
            ("run.toml", RUN_FILE.into()),
        ] {
            fs::write(folder.path(name), text).expect("a file");
        }
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn limbeck(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(cargo_bin!("limbeck"));
        command.current_dir(self.0.path()).args(arguments);
        command.output().expect("the program starts")
    }

    fn succeeds(&self, arguments: &[&str]) -> String {
        let output = self.limbeck(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {errors}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    fn fails(&self, arguments: &[&str], code: i32) -> String {
        let output = self.limbeck(arguments);
        let errors = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
        errors
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).expect("a file")
    }

    fn lines(&self, name: &str) -> Vec<String> {
        let text = String::from_utf8(self.bytes(name)).expect("UTF-8");
        text.lines().map(String::from).collect()
    }

    /// Distils with a file as the teacher, under its name.
    fn distil_file(&self, file: &str, out: &str, more: &[&str]) -> Output {
        let teacher = format!("teacher.file={file}");
        let text = RUN_FILE.replace("kind = \"transformer\"", "kind = \"file\"");
        let sizes = "hidden_size = 16\nlayers = 2\nheads = 2\nfeed_forward_size = 32\n";
        // Without its layers, the weights of the layer terms are 0 unless they are set.
        let text = text.replace(sizes, "").replace("w5 = 0\nw7 = 0\n", "");
        fs::write(self.path("file.toml"), text).expect("a run file");
        let arguments = ["distill", "file.toml", "--out", out, "-s", &teacher];
        self.limbeck(&[&arguments[..], more].concat())
    }
}

#[test]
fn a_student_of_the_scores_is_the_student_of_the_teacher_bit_for_bit() {
    let folder = Folder::new();
    folder.succeeds(&["distill", "run.toml", "--out", "live", "-q"]);
    for name in ["s.safetensors", "s.jsonl"] {
        folder.succeeds(&["score", "live", "--out", name]);
        let out = format!("from-{name}");
        let output = folder.distil_file(name, &out, &[]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{errors}");
        let weights = |run: &str| folder.bytes(&format!("{run}/model/student/model.safetensors"));
        assert!(weights(&out) == weights("live"), "{name}: other bits");

        let table = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            table.contains(&format!("teacher: the scores of {name}")),
            "{table}"
        );
        let results = |run: &str| -> Value {
            serde_json::from_slice(&folder.bytes(&format!("{run}/results.json"))).expect("JSON")
        };
        let (here, live) = (results(&out), results("live"));
        assert_eq!(here["teacher_file"], name);
        for part in ["dev", "test"] {
            let row = |results: &Value| results[part]["teacher"]["accuracy"].clone();
            assert_eq!(row(&here), row(&live), "{part}");
        }
        let run: Value =
            serde_json::from_slice(&folder.bytes(&format!("{out}/run.json"))).expect("JSON");
        let files = run["data"].as_array().expect("files");
        let of_teacher = files
            .iter()
            .find(|file| file["role"] == "teacher")
            .expect("the scores");
        let sum = limbeck::training::files::sha256_file(&folder.path(name)).expect("a checksum");
        assert_eq!(of_teacher["sha256"], sum.as_str());
    }
}

#[test]
fn shards_merge_into_the_file_of_the_whole_job() {
    let folder = Folder::new();
    folder.succeeds(&["distill", "run.toml", "--out", "live", "-q"]);
    for ending in ["jsonl", "safetensors"] {
        let file = |name: &str| format!("{name}.{ending}");
        folder.succeeds(&["score", "live", "--out", &file("whole")]);
        for n in 1..=3 {
            let (part, shard) = (file(&format!("part{n}")), format!("{n}/3"));
            folder.succeeds(&["score", "live", "--shard", &shard, "--out", &part]);
        }
        let [one, two, three] = [1, 2, 3].map(|n| file(&format!("part{n}")));
        let merge = |files: &[&String]| -> Vec<String> {
            let files = files.iter().map(|file| file.to_string());
            let merged = ["--out".to_string(), file("merged")];
            ["score".to_string(), "--merge".into()]
                .into_iter()
                .chain(files)
                .chain(merged)
                .collect()
        };
        let run = |files: &[&String], code: i32| {
            let arguments = merge(files);
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            match code {
                0 => folder.succeeds(&arguments),
                code => folder.fails(&arguments, code),
            }
        };
        run(&[&three, &one, &two], 0);
        assert_eq!(
            folder.bytes(&file("merged")),
            folder.bytes(&file("whole")),
            "{ending}"
        );
        assert!(run(&[&one, &three], 3).contains("shard 2/3"));
        assert!(run(&[&one, &two], 3).contains("shard 3/3"));
        assert!(run(&[&two, &three], 3).contains("shard 1/3"));
        assert!(run(&[&one, &two, &one, &three], 3).contains("is shard 1/3, and so is"));
        assert!(run(&[&one, &file("whole")], 3).contains("is no shard"));
        let other = file("other");
        folder.succeeds(&[
            "score", "live", "--model", "student", "--shard", "2/3", "--out", &other,
        ]);
        assert!(run(&[&one, &other, &three], 3).contains("another job"));
    }
}

#[test]
fn texts_without_scores_are_named_by_their_lines_or_left_out() {
    let folder = Folder::new();
    let list = [
        "score",
        "run.toml",
        "--texts",
        "-s",
        "seed=1",
        "--out",
        "texts.jsonl",
    ];
    folder.succeeds(&list);
    let texts = folder.lines("texts.jsonl");
    // Another program scores the texts, and leaves out two that stand in files and a wording.
    let scored = |text: &&String| {
        let left_out = ["number 3\"", "number 70\""]
            .iter()
            .any(|end| text.contains(end));
        !left_out
    };
    let score = |text: &String| {
        let object: Value = serde_json::from_str(text).expect("JSON");
        let p = if text.contains("red") { 0.75 } else { 0.25 };
        serde_json::json!({ "text": object["text"], "probabilities": [p, 1.0 - p] }).to_string()
    };
    let header = r#"{"labels": ["resin", "colour"]}"#.to_string();
    let write = |name: &str, keep: &dyn Fn(&&String) -> bool| {
        let lines = texts.iter().filter(|text| keep(text)).map(score);
        let lines: Vec<String> = std::iter::once(header.clone()).chain(lines).collect();
        fs::write(folder.path(name), lines.join("\n")).expect("scores");
    };
    write("all.jsonl", &|_| true);
    write("some.jsonl", &scored);
    let output = folder.distil_file("all.jsonl", "all", &["-q"]);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );

    let output = folder.distil_file("some.jsonl", "some", &["-q"]);
    let errors = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(3), "{errors}");
    for part in [
        "some.jsonl: has no scores for",
        "more.tsv, line 1",
        "leave_out",
        "--texts",
    ] {
        assert!(errors.contains(part), "{part} is missing in {errors}");
    }
    assert!(
        !folder.path("some").exists(),
        "refused before anything is written"
    );
    let missing = ["-s", "teacher.missing=leave_out"];
    let output = folder.distil_file("some.jsonl", "some", &missing);
    let errors = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(0), "{errors}");
    assert!(
        errors.contains("have no scores and are left out"),
        "{errors}"
    );
    let student = |run: &str| folder.bytes(&format!("{run}/model/student/model.safetensors"));
    assert!(
        student("some") != student("all"),
        "texts that are left out change what is learnt"
    );
}

#[test]
fn settings_that_do_not_fit_a_file_are_refused() {
    let folder = Folder::new();
    fs::write(
        folder.path("s.jsonl"),
        "{\"labels\": [\"resin\", \"paint\"]}\n",
    )
    .expect("a file");
    for (settings, part) in [
        (
            &["-s", "distillation.weights.w5=1"][..],
            "distillation.weights.w5",
        ),
        (
            &["-s", "distillation.teacher_targets=cross_fit"],
            "in_sample",
        ),
        (&["-s", "teacher_run=live"], "teacher_run"),
        (
            &[
                "-s",
                "teacher.missing=leave_out",
                "-s",
                "distillation.weights.w3=0",
            ],
            "w3",
        ),
        (&["-s", "teacher.hidden_size=8"], "teacher.hidden_size"),
        (&["-s", "beside_teacher.kind=file"], "beside_teacher.kind"),
        (&[], "the label \"paint\""),
    ] {
        let output = folder.distil_file("s.jsonl", "out", settings);
        let errors = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(3), "{settings:?}: {errors}");
        assert!(errors.contains(part), "{part} is missing in {errors}");
    }
    let output = folder.distil_file("", "out", &[]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.contains("teacher.file"), "{errors}");
    fs::write(
        folder.path("one.toml"),
        "task = \"train\"\n[model]\nkind = \"file\"\n",
    )
    .expect("a file");
    assert!(
        folder
            .fails(&["check", "one.toml"], 3)
            .contains("model.kind")
    );
    assert!(folder.fails(&["score"], 2).contains("RUN"));
    assert!(
        folder
            .fails(&["score", "x", "--shard", "4/3"], 2)
            .contains("4/3")
    );
    assert!(
        folder
            .fails(&["score", "nowhere", "--texts"], 2)
            .contains("nowhere")
    );
}
