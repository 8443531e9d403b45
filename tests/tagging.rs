//! Taggers as users of the program meet them: trained, judged, asked for tags and for keywords.
#![cfg(feature = "cli")]

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Output;

use assert_cmd::cargo::cargo_bin_cmd;
use serde_json::{Value, json};

const MODELS: &str = r#"
[words]
size = 10
letter_size = 4
letter_channels = 6
form_size = 3
dropout = 0.1
[teacher_a]
hidden_size = 12
layers = 1
decoder_layers = 1
heads = 2
feed_forward_size = 16
[teacher_b]
hidden_size = 12
layers = 1
heads = 2
feed_forward_size = 16
[student]
channels = 8
kernel_sizes = [2, 3]
dropout = 0.1
[distillation]
folds = 2
policy = "replace"
[training.teacher_a]
length = "30 steps"
batch_size = 8
learning_rate = 0.01
[training.teacher_b]
length = "10 steps"
batch_size = 8
[training.student]
length = "120 steps"
batch_size = 8
learning_rate = 0.01
[training.relay]
length = "10 steps"
[training.last]
length = "10 steps"
"#;

fn limbeck(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let mut command = cargo_bin_cmd!("limbeck");
    let command = command.current_dir(folder).args(arguments);
    command
        .write_stdin(input)
        .output()
        .expect("the program runs")
}

/// What a command prints that succeeds.
fn printed(folder: &Path, arguments: &[&str], input: &str) -> String {
    let output = limbeck(folder, arguments, input);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn results(folder: &Path, run: &str) -> Value {
    let file = folder.join(run).join("results.json");
    json_of(&fs::read_to_string(file).expect("results"))
}

/// Sentences in which people meet others, some of them in places.
fn sentences(numbers: std::ops::Range<usize>) -> String {
    let (first, last) = (["Anna", "Boris", "Clara"], ["Weber", "Novak"]);
    let (places, verbs) = (["Kiel", "Oslo"], ["met", "saw"]);
    numbers.fold(String::new(), |mut text, n| {
        let (name, family) = (first[n % 3], last[n / 2 % 2]);
        writeln!(text, "{name}\tB-PER\n{family}\tI-PER").expect("memory");
        writeln!(text, "{}\tO\nhim\tO", verbs[n % 2]).expect("memory");
        if n % 5 < 3 {
            writeln!(text, "in\tO\n{}\tB-LOC", places[n / 3 % 2]).expect("memory");
        }
        text + ".\tO\n\n"
    })
}

/// Documents about methods, which are their keywords.
fn documents(numbers: std::ops::Range<usize>) -> String {
    let (kinds, methods) = (["linear", "sparse", "deep"], ["regression", "coding"]);
    numbers.fold(String::new(), |mut text, n| {
        let (a, b) = (
            format!("{} {}", kinds[n % 3], methods[n % 2]),
            methods[n / 2 % 2],
        );
        let title = format!("On {a} for all");
        let body = format!("We use {a} and then {b} with care.");
        writeln!(text, "{n}\t{title}\t{body}\t{a}|{b}|unheard of\t").expect("memory");
        text
    })
}

/// A folder with the files of a task, but for test, and a run file.
fn folder(format: &str, ending: &str, parts: [String; 2]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let run_file = format!("task = \"relay\"\n[data]\nformat = {format:?}\n{MODELS}");
    fs::write(folder.path().join("run.toml"), run_file).expect("the run file");
    for (name, text) in ["train", "dev"].into_iter().zip(parts) {
        fs::write(folder.path().join(format!("{name}.{ending}")), text).expect("a file");
    }
    folder
}

const DISTIL: [&str; 4] = ["distill", "run.toml", "--quiet", "--out"];

/// A run that did not read test, and later is judged on it, has the figures of one that did.
fn judged_later(folder: &Path, test: (&str, String), figures: &[&str]) {
    printed(folder, &[&DISTIL[..], &["run", "--no-test"]].concat(), "");
    let before = results(folder, "run");
    assert!(before.get("test").is_none(), "{before}");
    fs::write(folder.join(test.0), test.1).expect("test");
    printed(folder, &[&DISTIL[..], &["run", "--resume"]].concat(), "");
    printed(folder, &[&DISTIL[..], &["whole"]].concat(), "");
    let (after, whole) = (results(folder, "run"), results(folder, "whole"));
    for model in ["teacher_a", "student_initial", "student_alone", "student"] {
        for figure in figures {
            let value = |results: &Value, split: &str| results[split][model][figure].clone();
            assert!(value(&before, "dev").is_number(), "{model} {figure}");
            assert_eq!(value(&before, "dev"), value(&after, "dev"));
            for split in ["dev", "test"] {
                assert!(value(&after, split).is_number(), "{split} {model} {figure}");
                assert_eq!(
                    value(&after, split),
                    value(&whole, split),
                    "{model} {figure}"
                );
            }
        }
    }
}

#[test]
fn people_and_places_are_tagged_and_judged() {
    let folder = folder("conll", "conll", [sentences(0..60), sentences(60..80)]);
    let path = folder.path();
    let figures = ["span_f1", "span_f1_PER", "token_accuracy", "cross_entropy"];
    judged_later(path, ("test.conll", sentences(80..100)), &figures);

    // A line of tags for each line of words; one that is empty has none.
    let text = "Anna Novak saw him in Kiel .\n\nOtto Weber met him .\n";
    let tags = printed(path, &["predict", "run"], text);
    let expected = ["B-PER E-PER O O O S-LOC O", "", "B-PER E-PER O O O"];
    assert_eq!(tags.lines().collect::<Vec<_>>(), expected);
    fs::write(path.join("lines.txt"), text).expect("a file");
    assert_eq!(printed(path, &["predict", "run", "lines.txt"], ""), tags);

    let lines = printed(path, &["predict", "run", "--json"], text);
    let lines: Vec<Value> = lines.lines().map(json_of).collect();
    assert_eq!(lines.len(), 3);
    let kiel = json!({"start": 5, "end": 6, "kind": "LOC", "text": "Kiel"});
    assert_eq!(lines[0]["spans"][1], kiel);
    assert_eq!(lines[0]["tokens"][5], "Kiel");
    assert_eq!(lines[1]["tags"], json!([]));
    let otto = json!([{"start": 0, "end": 2, "kind": "PER", "text": "Otto Weber"}]);
    assert_eq!(lines[2]["spans"], otto);

    // Any model of the run, by its name; on the file that it was judged on it has the same figures.
    for model in ["student", "teacher_a"] {
        let asked = ["eval", "run", "test.conll", "--json", "--model", model];
        let figures = json_of(&printed(path, &asked, ""));
        for figure in ["span_f1", "span_f1_LOC", "token_accuracy", "parameters"] {
            let expected = &results(path, "run")["test"][model][figure];
            assert_eq!(&figures[figure], expected, "{model} {figure}");
        }
    }
    let plain = printed(path, &["eval", "run", "test.conll"], "");
    assert!(plain.contains("span_f1\t"), "{plain}");

    // A tag that it does not know is named, with its line.
    fs::write(path.join("other.conll"), "Anna\tB-PER\nsings\tB-ART\n").expect("a file");
    let output = limbeck(path, &["eval", "run", "other.conll"], "");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{errors}");
    for part in ["other.conll:2", "ART"] {
        assert!(errors.contains(part), "{part} is missing in {errors}");
    }
}

#[test]
fn keywords_are_found_and_judged() {
    let folder = folder("keywords", "tsv", [documents(0..50), documents(50..60)]);
    let path = folder.path();
    let figures = ["keyword_f1", "keyword_recall_ceiling", "present_f1"];
    judged_later(path, ("test.tsv", documents(60..70)), &figures);

    let text = "On deep coding for all. We use deep coding and then regression with care.\n\n";
    let found = printed(path, &["predict", "run"], text);
    let mut found: Vec<&str> = found.lines().map(|line| line.trim_end()).collect();
    assert_eq!(found.pop(), Some(""), "nothing stands in an empty text");
    let mut phrases: Vec<&str> = found[0].split('\t').collect();
    phrases.sort_unstable();
    assert_eq!(phrases, ["deep coding", "regression"]);
    let lines = printed(path, &["predict", "run", "--json"], text);
    let line = json_of(lines.lines().next().expect("a line"));
    let keywords: Vec<&str> = found[0].split('\t').collect();
    assert_eq!(line["keywords"], json!(keywords));
    assert_eq!(line["tokens"][1], "deep");

    let figures = json_of(&printed(path, &["eval", "run", "test.tsv", "--json"], ""));
    for figure in ["keyword_f1", "present_f1_at_5", "parameters"] {
        assert_eq!(
            figures[figure],
            results(path, "run")["test"]["student"][figure],
            "{figure}"
        );
    }
}

/// The same recipe on texts with classes answers with classes.
#[test]
fn classes_are_predicted_and_judged() {
    let lines = |numbers: std::ops::Range<usize>| {
        numbers.fold(String::new(), |mut text, n| {
            let (label, words) = [("pigment", "blue powder"), ("solvent", "clear liquid")][n % 2];
            writeln!(text, "{label}\t{words} no {n}").expect("memory");
            text
        })
    };
    let folder = folder("tsv", "tsv", [lines(0..60), lines(60..80)]);
    let path = folder.path();
    let (before, after) = MODELS.split_once("[words]").expect("a section");
    let (_, after) = after.split_once("[teacher_a]").expect("the next one");
    let data = "task = \"relay\"\n[data]\nformat = \"tsv\"\ndev = \"dev.tsv\"\n";
    let text = format!("{data}{before}[teacher_a]{after}");
    fs::write(path.join("run.toml"), text).expect("the run file");
    judged_later(
        path,
        ("test.tsv", lines(80..100)),
        &["accuracy", "macro_f1"],
    );

    let text = "blue powder\nclear liquid no 3\n";
    let answers = printed(path, &["predict", "run"], text);
    let labels: Vec<&str> = answers
        .lines()
        .filter_map(|line| line.split('\t').next())
        .collect();
    assert_eq!(labels, ["pigment", "solvent"]);
    let lines = printed(path, &["predict", "run", "--json"], text);
    let line = json_of(lines.lines().next().expect("a line"));
    assert_eq!(line["label"], "pigment");
    assert!(line["probabilities"]["solvent"].as_f64() < Some(0.5));
    let figures = json_of(&printed(path, &["eval", "run", "test.tsv", "--json"], ""));
    assert_eq!(
        figures["accuracy"],
        results(path, "run")["test"]["student"]["accuracy"]
    );
}
