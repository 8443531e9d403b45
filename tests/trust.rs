//! `limbeck audit` and `limbeck explain` as their users meet them.

use std::fs;
use std::path::Path;
use std::process::Output;

use assert_cmd::cargo::cargo_bin_cmd;
use serde_json::Value;

fn limbeck_in(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = cargo_bin_cmd!("limbeck");
    command
        .current_dir(folder)
        .args(arguments)
        .output()
        .expect("the program runs")
}

fn limbeck(arguments: &[&str]) -> Output {
    limbeck_in(Path::new("."), arguments)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

fn json(output: &Output) -> Value {
    let code = output.status.code();
    assert_eq!(code, Some(0), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON on stdout")
}

/// A folder with a run file on the built-in corpus.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let run = "task = \"train\"\n[model]\nkind = \"text_cnn\"\n[data]\nformat = \"corpus\"\n\
               [data.corpus]\ntrain_size = 100\n";
    fs::write(folder.path().join("run.toml"), run).expect("a file");
    folder
}

#[test]
fn an_audit_of_one_operator_is_a_list_of_records() {
    let found = json(&limbeck(&[
        "audit",
        "--operator",
        "linear",
        "--device",
        "cpu",
        "--json",
    ]));
    let records = found.as_array().expect("a list");
    assert!(
        records.len() > 5,
        "linear has more cases than {}",
        records.len()
    );
    for record in records {
        assert_eq!(record["operator"], "linear");
        let number = |key: &str| record[key].as_f64().expect(key);
        assert!(number("reference") < 1e-6, "{record}");
        assert!(number("cpu") <= number("tolerance"), "{record}");
        assert!(record["gpu"].is_null() && record["adapter"].is_null());
        assert_eq!(record["repeatable"], true);
        assert!(!record["case"].as_str().expect("a name").is_empty());
    }
}

#[test]
fn one_case_is_repeated_by_its_name_and_a_page_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let all = json(&limbeck(&[
        "audit",
        "--operator",
        "mse",
        "--device",
        "cpu",
        "--json",
    ]));
    let case = all[1]["case"].as_str().expect("a name");
    let arguments = [
        "audit",
        "--operator",
        "mse",
        "--case",
        case,
        "--device",
        "cpu",
        "--full",
        "--html",
        "audit.html",
    ];
    let output = limbeck_in(folder.path(), &arguments);
    let table = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(table.contains("1 operators, 1 cases"), "{table}");
    assert!(table.contains("all within tolerance"), "{table}");
    let page = fs::read_to_string(folder.path().join("audit.html")).expect("a page");
    assert!(page.contains("<!DOCTYPE html>") && page.contains("<h2>mse</h2>"));
}

#[test]
fn an_audit_of_what_is_not_there_ends_with_2() {
    for (arguments, named) in [
        (&["audit", "--operator", "conv3d"][..], "conv2d"),
        (
            &["audit", "--operator", "mse", "--case", "none"],
            "mse has no case \"none\"",
        ),
        (&["audit", "--device", "reference"], "gpu:NAME or all"),
    ] {
        let output = limbeck(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let message = text(&output.stderr);
        assert!(message.contains(named), "{arguments:?}: {message}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn explain_shows_the_tape_of_a_step() {
    let folder = folder();
    let arguments = [
        "explain", "run.toml", "--html", "run.html", "--svg", "run.svg",
    ];
    let output = limbeck_in(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    for part in [
        "run.toml: task train",
        "conv1d_max",
        "softmax(z)",
        "share",
        "-> [",
    ] {
        assert!(shown.contains(part), "{part:?} is missing in\n{shown}");
    }
    let page = fs::read_to_string(folder.path().join("run.html")).expect("a page");
    let picture = fs::read_to_string(folder.path().join("run.svg")).expect("a picture");
    assert!(page.contains("<svg") && page.contains("conv1d_max"));
    assert!(picture.starts_with("<?xml") && picture.contains("http://www.w3.org/2000/svg"));
}

#[test]
fn explain_as_json_has_formulas_shapes_and_what_was_measured() {
    let folder = folder();
    let arguments = ["explain", "run.toml", "--json", "--time", "--seed", "3"];
    let found = json(&limbeck_in(folder.path(), &arguments));
    assert_eq!(
        (&found["task"], &found["device"]),
        (&"train".into(), &"cpu".into())
    );
    let stage = &found["stages"][0];
    let operators = stage["operators"].as_array().expect("a list");
    assert_eq!(operators[0]["operator"], "embedding");
    let shares: f64 = operators.iter().filter_map(|o| o["share"].as_f64()).sum();
    assert!((shares - 1.0).abs() < 1e-9, "shares of a whole: {shares}");
    assert!(
        operators[0]["formula"]
            .as_str()
            .is_some_and(|f| f.contains('='))
    );
    let sources = operators[1]["sources"].as_array().expect("a list");
    assert_eq!(
        sources[0], 0,
        "the second operator reads the first one's result"
    );
    let measured = &stage["measured"];
    assert!(measured["updates"].as_u64() > Some(0) && measured["ms"].as_f64() > Some(0.0));
    assert_eq!(measured["dispatches"], 0.0, "the CPU has none");
    let timed = stage["totals"].as_array().expect("a list").iter();
    let forward: f64 = timed.filter_map(|total| total["forward_ms"].as_f64()).sum();
    assert!(forward > 0.0, "{stage}");
}

#[test]
fn explain_of_a_run_whose_texts_are_not_there_says_so() {
    let folder = folder();
    let run = "task = \"layerwise\"\n[data]\ndir = \"nowhere\"\n";
    fs::write(folder.path().join("run.toml"), run).expect("a file");
    let output = limbeck_in(folder.path(), &["explain", "run.toml"]);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{message}");
    assert!(message.contains("nowhere: no such file"), "{message}");
    let shown = text(&output.stdout);
    assert!(shown.starts_with("run.toml: task layerwise, shapes of the built-in corpus"));
    for stage in ["\nteacher\n", "\nstudent\n"] {
        assert!(shown.contains(stage), "{stage:?} is missing in\n{shown}");
    }
}
