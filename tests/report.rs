//! `limbeck report`: finished runs side by side.
#![cfg(feature = "cli")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;

const RUN: &str = r#"
task = "train"
[data]
dev = "dev.tsv"
[model]
kind = "bag_of_ngrams"
[training]
length = "4 steps"
batch_size = 4
"#;

fn limbeck(folder: &Path, arguments: &[&str]) -> Output {
    let mut limbeck = Command::new(cargo_bin!("limbeck"));
    let output = limbeck.args(arguments).current_dir(folder).output();
    output.expect("the program starts")
}

/// A folder with the finished runs `short-1`, `short-2` and `long-2`, not judged on test.
fn finished() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let lines = "pigment\tblue powder\nsolvent\tclear liquid\n";
    for (name, content) in [
        ("run.toml", RUN.to_owned()),
        ("train.tsv", lines.repeat(8)),
        ("dev.tsv", lines.repeat(2)),
    ] {
        fs::write(folder.path().join(name), content).expect("a file");
    }
    for (out, seed, length) in [
        ("short-1", "1", "training.length='4 steps'"),
        ("short-2", "2", "training.length='4 steps'"),
        ("long-2", "2", "training.length='8 steps'"),
    ] {
        let arguments = ["train", "run.toml", "--no-test", "--quiet"];
        let more = ["--out", out, "--seed", seed, "-s", length];
        let output = limbeck(folder.path(), &[&arguments[..], &more].concat());
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
    }
    folder
}

#[test]
fn runs_that_differ_in_their_seed_alone_share_a_row() {
    let folder = finished();
    let runs = ["report", "short-1", "short-2", "long-2", "--dev"];
    let against = ["--against", "short/model"];
    let arguments = [&runs[..], &against, &["--json"]].concat();
    let output = limbeck(folder.path(), &arguments);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["split"], "dev");
    let rows = report["rows"].as_array().expect("rows");
    let names: Vec<_> = rows.iter().map(|row| &row["arm"]).collect();
    assert_eq!(names, ["short", "long"]);
    assert_eq!(rows[0]["seeds"], serde_json::json!([1, 2]));
    assert_eq!(
        rows[0]["quality"]["mean"], 1.0,
        "the two classes share no word"
    );
    assert_eq!(rows[1]["gain"]["each"], serde_json::json!([[2, 0.0]]));

    let output = limbeck(folder.path(), &[&runs[..], &against].concat());
    let table = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(
        table.contains("| short | model | 2 | 100.0 ± 0.0 |"),
        "{table}"
    );
    assert!(
        table.contains("| long | model | 1 | 100.0 | 100.0 | +0.0 | +0.0 |"),
        "{table}"
    );
}

#[test]
fn what_cannot_be_compared_is_named() {
    let folder = finished();
    fs::create_dir(folder.path().join("empty")).expect("a folder");
    for (arguments, code, words) in [
        (
            &["report", "short-1"][..],
            2,
            "short-1 has no figures on test",
        ),
        (
            &["report", "short-1", "short-1", "--dev"],
            2,
            "seed 1 of \"short\" is there already",
        ),
        (&["report", "empty", "--dev"], 3, "cannot read the run file"),
        (&["report"], 2, "required"),
    ] {
        let output = limbeck(folder.path(), arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{errors}");
        assert!(errors.contains(words), "{errors}");
    }
}

#[test]
fn a_page_is_about_one_run_or_several() {
    let folder = finished();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).expect("a page");
    let output = limbeck(folder.path(), &["report", "short-1", "--html", "one.html"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "one.html");
    let (page, own) = (read("one.html"), read("short-1/report.html"));
    assert_eq!(page, own, "the page that the run wrote");
    for part in [
        "Calibration on dev",
        "Hardest samples of dev",
        "1,000 draws of 4 samples",
    ] {
        assert!(page.contains(part), "{part}");
    }
    let two = ["report", "short-1", "long-2", "--dev", "--html", "two.html"];
    let output = limbeck(folder.path(), &two);
    assert!(output.status.success());
    let page = read("two.html");
    for part in [
        "<summary>short-1</summary>",
        "Gains are over short/model",
        "<td>1.000</td>",
    ] {
        assert!(page.contains(part), "{part}");
    }
    let output = limbeck(folder.path(), &[&two[..4], &["--json"]].concat());
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let paired = &json["paired"][0];
    assert_eq!(
        (&paired["arm"], &paired["against_arm"]),
        (&"long".into(), &"short".into())
    );
    assert_eq!(paired["test"]["bootstrap"]["difference"], 0.0);
}

#[test]
fn an_older_run_has_a_page_too_and_a_damaged_one_is_named() {
    let folder = finished();
    let predictions = folder.path().join("short-1/predictions");
    let file = predictions.join("dev.jsonl");
    let text = fs::read_to_string(&file).expect("predictions");
    fs::write(&file, text.replace("\"sample\":3", "\"sample\":7")).expect("written");
    let page = ["report", "short-1", "--html", "page.html"];
    let output = limbeck(folder.path(), &page);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(
        errors.contains("dev.jsonl") && errors.contains("line 5"),
        "{errors}"
    );
    fs::remove_dir_all(predictions).expect("removed");
    assert!(limbeck(folder.path(), &page).status.success());
    let page = fs::read_to_string(folder.path().join("page.html")).expect("a page");
    assert!(page.contains("keeps no predictions"));
}
