//! Language models from the command line: prepare, train, eval, generate.
#![cfg(feature = "cli")]

use std::path::Path;
use std::process::{Command, Output};

const RUN_FILE: &str = r#"
task = "nce_lm"
[model]
layers = 1
hidden_size = 8
embedding_size = 8
[method]
window = 12
noise_size = 8
[training]
length = "20 steps"
batch_size = 2
learning_rate = 2.0
"#;

fn limbeck(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_limbeck"));
    let output = command.current_dir(folder).args(arguments).output();
    output.expect("the program starts")
}

/// What a command prints that must succeed.
fn printed(folder: &Path, arguments: &[&str]) -> String {
    let output = limbeck(folder, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The exit code and message of a command that must fail.
fn refused(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = limbeck(folder, arguments);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), errors)
}

fn text_in(folder: &Path) {
    let line = |n: usize| {
        format!(
            "the {} {} down",
            ["cat", "dog", "owl"][n % 3],
            ["sat", "lay"][n % 2]
        )
    };
    let lines: Vec<String> = (0..60).map(line).collect();
    for (name, count) in [("train.txt", 60), ("valid.txt", 9), ("test.txt", 7)] {
        std::fs::write(folder.join(name), lines[..count].join("\n")).expect("a text");
    }
    std::fs::write(folder.join("run.toml"), RUN_FILE).expect("the run file");
}

#[test]
fn from_a_text_to_a_model_that_writes() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    text_in(folder);
    let checked = printed(folder, &["check", "run.toml"]);
    assert!(
        checked.contains("only the rows of the tables that it reads"),
        "{checked}"
    );
    assert!(
        checked.contains("candidate_scores") && checked.contains("lstm"),
        "{checked}"
    );

    let json = printed(folder, &["train", "run.toml", "--out", "run", "--json"]);
    let results: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let perplexity = results["test"]["perplexity"].as_f64().expect("a number");
    assert!(results["test"]["mean_log_z"].is_number());
    assert_eq!(results["test"]["tokens"], 35);

    // The same text judged again, as a stream and by sentence.
    let again = printed(folder, &["eval", "run", "test.txt", "--json"]);
    let again: serde_json::Value = serde_json::from_str(&again).expect("JSON");
    let difference = again["perplexity"].as_f64().expect("a number") - perplexity;
    assert!(difference.abs() < 1e-6, "{difference}");
    let sentences = printed(folder, &["eval", "run", "test.txt", "--per-sentence"]);
    assert_eq!(sentences.lines().count(), 7);
    let first: Vec<&str> = sentences
        .lines()
        .next()
        .expect("a line")
        .split('\t')
        .collect();
    assert!(first[0].parse::<f64>().expect("ln p") < 0.0);
    assert_eq!(first[1], "5");

    let write = |arguments: &[&str]| {
        let all = [&["generate", "run", "--tokens", "12"], arguments].concat();
        printed(folder, &all)
    };
    let text = write(&["--seed", "3", "--prompt", "the cat"]);
    assert!(text.starts_with("the cat"), "{text}");
    assert_eq!(text, write(&["--seed", "3", "--prompt", "the cat"]));
    let likeliest = write(&["--temperature", "0"]);
    assert_eq!(likeliest, write(&["--temperature", "0", "--seed", "9"]));
    assert_eq!(likeliest, write(&["--top-k", "1"]));
}

#[test]
fn a_prepared_text_trains_the_same_model() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    text_in(folder);
    let prepared = printed(folder, &["prepare", "train.txt", "--out", "train.tokens"]);
    assert!(prepared.contains("300 tokens in 60 lines"), "{prepared}");
    let vocabulary = "train.tokens.vocabulary.json";
    for (text, out) in [("valid.txt", "valid.tokens"), ("test.txt", "test.tokens")] {
        let arguments = ["prepare", text, "--out", out, "--vocabulary", vocabulary];
        printed(folder, &arguments);
    }
    printed(folder, &["train", "run.toml", "--out", "text", "-q"]);
    let tokens = [
        "-s",
        "data.train=train.tokens",
        "-s",
        "data.dev=valid.tokens",
        "-s",
        "data.test=test.tokens",
    ];
    let train = [&["train", "run.toml", "--out", "tokens", "-q"], &tokens[..]].concat();
    printed(folder, &train);
    let weights = |run: &str| {
        let path = folder.join(run).join("model/model/model.safetensors");
        std::fs::read(path).expect("weights")
    };
    assert_eq!(weights("text"), weights("tokens"));
}

#[test]
fn what_cannot_be_done_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    text_in(folder);
    printed(folder, &["train", "run.toml", "--out", "run", "-q"]);
    std::fs::write(folder.join("other.txt"), "the cat\nthe cow sat\n").expect("a text");
    for (arguments, code, part) in [
        (&["eval", "run", "other.txt"][..], 3, "other.txt:2"),
        (&["eval", "run", "none.txt"], 3, "none.txt"),
        (&["generate", "run", "--prompt", "the cow"], 3, "cow"),
        (&["generate", "run", "--top-p", "0"], 2, "--top-p"),
        (&["generate", "nowhere"], 2, "no finished language model"),
        (
            &["prepare", "train.txt", "--out", "train.bin"],
            2,
            ".tokens",
        ),
        (&["prepare", "none.txt", "--out", "x.tokens"], 3, "none.txt"),
        (&["distill", "run.toml"], 3, "limbeck train"),
    ] {
        let (found, message) = refused(folder, arguments);
        assert_eq!(found, Some(code), "{arguments:?}: {message}");
        assert!(message.contains(part), "{arguments:?}: {message}");
    }
    // A token file cut short is refused before anything is trained.
    printed(folder, &["prepare", "train.txt", "--out", "train.tokens"]);
    let path = folder.join("train.tokens");
    let bytes = std::fs::read(&path).expect("a token file");
    std::fs::write(&path, &bytes[..bytes.len() - 3]).expect("a shorter one");
    let (code, message) = refused(
        folder,
        &[
            "train",
            "run.toml",
            "--out",
            "cut",
            "-s",
            "data.train=train.tokens",
        ],
    );
    assert!(
        code == Some(3) && message.contains("train.tokens"),
        "{message}"
    );
}
