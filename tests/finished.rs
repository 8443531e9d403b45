//! What a finished run is good for, as users of the program meet it: predictions line by line, exports,
//! weights of 8 bits, sizes.
#![cfg(feature = "cli")]

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Output;

use assert_cmd::cargo::cargo_bin_cmd;
use serde_json::Value;

const RUN_FILE: &str = r#"
task = "train"
[model]
kind = "text_cnn"
channels = 16
embedding_size = 32
kernel_sizes = [2, 3]
[training]
batch_size = 8
learning_rate = 0.01
length = "40 steps"
"#;

fn limbeck(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let mut command = cargo_bin_cmd!("limbeck");
    let command = command.current_dir(folder).args(arguments);
    let command = command.arg("--quiet").write_stdin(input);
    command.output().expect("the program runs")
}

/// What a command prints that succeeds.
fn printed(folder: &Path, arguments: &[&str], input: &str) -> String {
    let output = limbeck(folder, arguments, input);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// What a command says that ends with this code.
fn refused(folder: &Path, arguments: &[&str], code: i32) -> String {
    let output = limbeck(folder, arguments, "a text\n");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    errors
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// Lines `label<TAB>text` of two classes.
fn texts(count: usize) -> String {
    (0..count).fold(String::new(), |mut lines, row| {
        let [label, noun] = [["pigment", "red powder"], ["solvent", "thin liquid"]][row % 2];
        writeln!(lines, "{label}\t{noun} no {row}").expect("memory");
        lines
    })
}

/// A folder with a finished run of one TextCNN.
fn trained() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    fs::write(path.join("run.toml"), RUN_FILE).expect("a run file");
    fs::write(path.join("train.tsv"), texts(60)).expect("texts");
    fs::write(path.join("test.tsv"), texts(10)).expect("texts");
    printed(path, &["train", "run.toml", "--out", "run"], "");
    folder
}

#[test]
fn answers_come_in_order_whatever_the_threads() {
    let folder = trained();
    // More than one chunk of lines, and more than one buffer of bytes, of many lengths.
    let kinds = ["red powder", "thin liquid"];
    let line = |n: usize| kinds[n % 3 % 2].to_string() + &" dries".repeat(n % 11);
    let lines: Vec<String> = (0..1500).map(line).collect();
    let input = lines.join("\n");
    let one = printed(folder.path(), &["predict", "run", "--threads", "1"], &input);
    let two = printed(folder.path(), &["predict", "run", "--threads", "2"], &input);
    assert_eq!(one, two);
    assert_eq!(one.lines().count(), lines.len());
    let jsonl = printed(folder.path(), &["predict", "run", "--jsonl"], &input);
    let labels = ["pigment", "solvent"];
    for ((n, plain), object) in (0..).zip(one.lines()).zip(jsonl.lines()) {
        let label = labels[n % 3 % 2];
        assert_eq!(plain.split('\t').next(), Some(label), "line {n}");
        assert_eq!(json(object)["label"], label, "line {n}");
    }
}

#[test]
fn the_best_classes_stand_in_order() {
    let folder = trained();
    let input = "red powder\n";
    let plain = printed(folder.path(), &["predict", "run", "-k", "5"], input);
    let fields: Vec<&str> = plain.trim_end().split('\t').collect();
    assert_eq!(
        (fields.len(), fields[0], fields[2]),
        (4, "pigment", "solvent")
    );
    let sum: f64 = [1, 3]
        .iter()
        .map(|&n| fields[n].parse::<f64>().expect("a number"))
        .sum();
    assert!((sum - 1.0).abs() < 2e-4, "two numbers of four digits");
    let object = json(&printed(
        folder.path(),
        &["predict", "run", "--jsonl", "-k1"],
        input,
    ));
    assert_eq!(object["best"].as_array().map(Vec::len), Some(1));
    assert_eq!(object["best"][0]["label"], "pigment");
    assert_eq!(object["best"][0]["probability"], object["probability"]);
    refused(folder.path(), &["predict", "run", "-k", "0"], 2);
    refused(folder.path(), &["predict", "run", "--threads", "0"], 2);
}

#[test]
fn a_line_without_end_is_refused_before_it_fills_the_memory() {
    let folder = trained();
    fs::write(folder.path().join("long.txt"), vec![b'a'; 17 << 20]).expect("a file");
    let errors = refused(folder.path(), &["predict", "run", "long.txt"], 3);
    assert!(
        errors.contains("long.txt:1") && errors.contains("16777216 bytes"),
        "{errors}"
    );
}

#[test]
fn a_run_is_exported_and_the_loss_of_rounding_is_printed() {
    let folder = trained();
    let path = folder.path();
    let text = printed(
        path,
        &["export", "run", "--to", "onnx", "--out", "graph"],
        "",
    );
    assert!(
        text.contains("parameters") && text.contains("model.onnx"),
        "{text}"
    );
    for file in ["graph/model.onnx", "graph/encoder.json"] {
        assert!(path.join(file).is_file(), "{file}");
    }
    let small = [
        "export",
        "run",
        "--to",
        "safetensors",
        "--int8",
        "--out",
        "small",
    ];
    let check = [&small[..], &["--check", "test.tsv", "--json"]].concat();
    let exported = json(&printed(path, &check, ""));
    let number = |value: &Value| value.as_f64().expect("a number");
    assert!(number(&exported["bytes"]) < number(&exported["bytes_f32"]));
    let accuracy = &exported["check"]["accuracy"];
    assert_eq!(accuracy["f32"], 1.0);
    let loss = number(&accuracy["f32"]) - number(&accuracy["int8"]);
    assert_eq!(number(&accuracy["loss"]), loss);
    // The folder is a model like any other.
    let judged = json(&printed(path, &["eval", "small", "test.tsv", "--json"], ""));
    assert_eq!(judged["accuracy"], accuracy["int8"]);
    let label = printed(path, &["predict", "small"], "red powder\n");
    assert!(label.starts_with("pigment\t"), "{label}");

    assert!(refused(path, &small, 2).contains("small is there already"));
    let other = [
        "export", "run", "--to", "onnx", "--out", "x", "--model", "teacher",
    ];
    assert!(refused(path, &other, 2).contains("no finished model \"teacher\""));
    refused(
        path,
        &[
            "export", "run", "--to", "onnx", "--out", "x", "--check", "test.tsv",
        ],
        2,
    );
    fs::write(
        path.join("bag.toml"),
        "task = \"train\"\n[model]\nkind = \"bag_of_ngrams\"\n",
    )
    .expect("a file");
    printed(path, &["train", "bag.toml", "--out", "bag"], "");
    let errors = refused(path, &["export", "bag", "--to", "onnx", "--out", "x"], 2);
    assert!(
        errors.contains("bag_of_ngrams") && errors.contains("What can"),
        "{errors}"
    );
    assert!(!path.join("x").exists());
}

#[test]
fn info_measures_the_models_of_a_run() {
    let folder = trained();
    let path = folder.path();
    let info = json(&printed(path, &["info", "run", "--json"], ""));
    let model = &info["model"];
    let bytes = fs::read_dir(path.join("run/model/model")).expect("a model's folder");
    let bytes = bytes.map(|file| file.and_then(|f| f.metadata()).expect("a file").len());
    assert_eq!(model["bytes"], bytes.sum::<u64>());
    let results = fs::read_to_string(path.join("run/results.json")).expect("results");
    assert_eq!(model["parameters"], json(&results)["test"]["parameters"]);
    for name in ["model", "model folded"] {
        for figure in ["us_batch_1", "us_batch_64"] {
            assert!(
                info[name][figure].as_f64() > Some(0.0),
                "{name} {figure}: {info}"
            );
        }
    }
    // Two kernels, of 2 and of 3 words, 16 channels, for every word.
    let tokens = model["parameters"]
        .as_u64()
        .zip(model["parameters_without_embeddings"].as_u64());
    let tokens = tokens.map(|(all, others)| (all - others) / 32);
    assert_eq!(
        info["model folded"]["folded_bytes"].as_u64(),
        tokens.map(|n| n * 5 * 16 * 4)
    );
    let text = printed(
        path,
        &["info", "run/model/model", "--texts", "test.tsv"],
        "",
    );
    assert!(
        text.lines()
            .nth(2)
            .is_some_and(|line| line.contains("(1.0x)")),
        "{text}"
    );
    assert!(refused(path, &["info", "gone"], 2).contains("neither a run folder"));
    refused(path, &["info", "--texts", "test.tsv"], 2);
}
