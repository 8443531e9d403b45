//! Data files that are missing, empty, wrong, or strange.

use std::fs;

use super::Folder;

/// `check` and `train` refuse with exit code 3 and the same message, before a run folder exists.
fn refused(folder: &Folder, more: &[&str], parts: &[&str]) {
    folder
        .limbeck(&[&["check", "run.toml"], more].concat())
        .fails(3, parts);
    folder.train(more).fails(3, parts);
    assert!(!folder.path("run").exists());
}

#[test]
fn a_missing_file_or_folder() {
    let folder = Folder::new();
    refused(&folder, &["-s", "data.dir=nowhere"], &["nowhere: no such"]);
    refused(
        &folder,
        &["-s", "data.dev=dev.tsv"],
        &["dev.tsv: no such file"],
    );
    fs::remove_file(folder.path("test.tsv")).expect("the file");
    refused(&folder, &[], &["test.tsv: no such file"]);
    fs::remove_file(folder.path("train.tsv")).expect("the file");
    refused(&folder, &[], &["train.tsv: no such file"]);
}

#[test]
fn an_empty_file() {
    for name in ["train.tsv", "test.tsv"] {
        for content in ["", "\n\r\n\n", "\u{feff}"] {
            let folder = Folder::new();
            folder.write(name, content);
            let empty = format!("{name}: the file is empty; expected label<TAB>text");
            refused(&folder, &[], &[&empty]);
        }
    }
}

#[test]
fn a_line_without_a_tab() {
    let folder = Folder::new();
    folder.append("train.tsv", b"pigment green powder\n");
    let parts = ["train.tsv:41: ", "label<TAB>text", "pigment green powder"];
    refused(&folder, &[], &parts);
}

#[test]
fn an_unknown_label_in_dev_or_test() {
    for (name, more) in [
        ("dev.tsv", &["-s", "data.dev=dev.tsv"][..]),
        ("test.tsv", &[]),
    ] {
        let folder = Folder::new();
        folder.write(name, "pigment\tblue powder\npolymer\tlong chain\n");
        let place = format!("{name}:2: ");
        refused(&folder, more, &[&place, "\"polymer\"", "pigment, solvent"]);
    }
}

#[test]
fn one_class_only() {
    let folder = Folder::new();
    folder.write("train.tsv", "pigment\tblue powder\npigment\tred powder\n");
    let parts = ["train.tsv: ", "\"pigment\"", "at least two classes"];
    refused(&folder, &[], &parts);
}

#[test]
fn a_class_with_a_single_text_trains() {
    let folder = Folder::new();
    folder.write("train.tsv", "pigment\tblue powder\nsolvent\tthin liquid\n");
    folder.train(&["--quiet"]).succeeds(&[]);
}

#[test]
fn texts_without_a_word_train() {
    let folder = Folder::new();
    folder.write("train.tsv", "pigment\t\nsolvent\t \npigment\tred\n");
    folder.write("test.tsv", "pigment\t\n");
    folder.train(&[]).succeeds(&["2 empty"]);
}

#[test]
fn invalid_utf8() {
    let folder = Folder::new();
    folder.append("train.tsv", b"pigment\tbl\xfce powder\n");
    refused(&folder, &[], &["train.tsv:41: byte 11 ", "0xFC", "UTF-8"]);
}

#[test]
fn a_nul_byte() {
    let folder = Folder::new();
    folder.append("test.tsv", b"pigment\tblue\0powder\n");
    refused(&folder, &[], &["test.tsv:7: ", "NUL", "byte 13"]);
}

#[test]
fn a_damaged_gzip_file() {
    let folder = Folder::new();
    folder.write("train.tsv", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x2b");
    refused(&folder, &[], &["train.tsv: "]);
}

#[test]
fn a_duplicate_text_with_two_labels_is_reported_and_training_goes_on() {
    let folder = Folder::new();
    folder.append("train.tsv", b"solvent\tblue powder no 0\n");
    let parts = [
        "with two labels",
        "\"blue powder no 0\": pigment (line 1), solvent (line 41)",
    ];
    let checked = folder.limbeck(&["check", "run.toml"]);
    for part in parts {
        assert!(checked.stdout.contains(part), "{checked:?}");
    }
    folder.train(&[]).succeeds(&parts);
}

/// What stands behind the cut does not matter: the weights are those of the cut text.
#[test]
fn a_text_of_100_000_tokens_is_cut() {
    const MODELS: [&str; 2] = [
        "kind = \"text_cnn\"",
        "kind = \"transformer\"\nlayers = 1\nhidden_size = 16\nheads = 2\nfeed_forward_size = 16",
    ];
    for model in MODELS {
        let weights = [32, 100_000].map(|tokens| {
            let folder = Folder::new();
            let run_file = format!(
                "task = \"train\"\n[data]\nmax_length = 32\n[model]\n{model}\n\
                 [training]\nlength = \"4 steps\"\nbatch_size = 8\n"
            );
            folder.write("run.toml", run_file);
            let long = format!("pigment\t{}\n", "powder ".repeat(tokens));
            folder.append("train.tsv", long.as_bytes());
            folder.append("test.tsv", long.as_bytes());
            folder.train(&["--quiet"]).succeeds(&[]);
            let predicted = folder.limbeck(&["predict", "run", "test.tsv"]);
            assert_eq!(predicted.stdout.lines().count(), 7, "{predicted:?}");
            fs::read(folder.path("run/model/model/model.safetensors")).expect("weights")
        });
        assert_eq!(weights[0], weights[1], "{model}");
    }
}

#[test]
fn a_wrong_pair_file_is_found_before_the_teacher_is_trained() {
    let folder = Folder::new();
    folder.write(
        "run.toml",
        "task = \"layerwise\"\n[pairs]\nsource = \"file\"\n",
    );
    folder.write("pairs.tsv", "one side\tthe other\nno other side\n");
    let pairs = "pairs.pair_files=[\"pairs.tsv\"]";
    let arguments = ["distill", "run.toml", "--out", "run", "-s", pairs];
    folder
        .limbeck(&arguments)
        .fails(3, &["pairs.tsv:2: ", "no other side"]);
    assert!(!folder.path("run/model").exists());
}
