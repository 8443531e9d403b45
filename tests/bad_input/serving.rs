//! `predict` and `eval` with wrong files.

use std::fs;

use super::Folder;

fn trained() -> Folder {
    let folder = Folder::new();
    folder.train(&["--quiet"]).succeeds(&[]);
    folder
}

#[test]
fn wrong_files_end_with_3_and_name_the_line() {
    let folder = trained();
    for command in ["predict", "eval"] {
        let outcome = folder.limbeck(&[command, "run", "absent.tsv"]);
        outcome.fails(3, &["absent.tsv: no such file"]);
    }
    folder.write("latin.tsv", b"pigment\tblue\npigment\tbl\xfce\n");
    let parts = ["latin.tsv:2: byte 11 ", "0xFC", "not UTF-8"];
    folder
        .limbeck(&["eval", "run", "latin.tsv"])
        .fails(3, &parts);
    folder
        .limbeck(&["predict", "run", "latin.tsv"])
        .ends(3, &parts);
    folder.write("label.tsv", "pigment\tblue\npolymer\tlong\n");
    let outcome = folder.limbeck(&["eval", "run", "label.tsv"]);
    outcome.fails(3, &["label.tsv:2: ", "\"polymer\"", "pigment, solvent"]);
    folder.write("empty.tsv", "");
    let outcome = folder.limbeck(&["eval", "run", "empty.tsv"]);
    outcome.fails(3, &["empty.tsv: the file is empty"]);
}

#[test]
fn every_line_has_its_answer() {
    let folder = trained();
    folder.write("texts.txt", "blue powder\n\nnul\0byte\r\n \nno line break");
    let outcome = folder.limbeck(&["predict", "run", "texts.txt"]);
    outcome.succeeds(&[]);
    assert_eq!(outcome.stdout.lines().count(), 5, "{outcome:?}");
    folder.write("none.txt", "");
    let outcome = folder.limbeck(&["predict", "run", "none.txt"]);
    outcome.succeeds(&[]);
    assert_eq!(outcome.stdout, "");
}

#[test]
fn folded_tables_change_no_label() {
    let folder = trained();
    folder.write("texts.txt", "blue powder\nclear liquid\n");
    let labels = |arguments: &[&str]| {
        let outcome = folder.limbeck(&[&["predict", "run", "texts.txt"], arguments].concat());
        outcome.succeeds(&[]);
        let label = |line: &str| line.split('\t').next().unwrap_or_default().to_owned();
        outcome.stdout.lines().map(label).collect::<Vec<_>>()
    };
    assert_eq!(labels(&[]), labels(&["--folded"]));
    let outcome = folder.limbeck(&["predict", "run", "texts.txt", "--folded"]);
    outcome.succeeds(&["folded tables: "]);
}

#[test]
fn a_damaged_or_missing_model_is_named() {
    let folder = trained();
    let outcome = folder.limbeck(&["predict", ".", "test.tsv"]);
    outcome.fails(2, &["neither a run folder with a finished model"]);
    let outcome = folder.limbeck(&["predict", "run", "test.tsv", "--model", "teacher"]);
    outcome.fails(2, &["no finished model \"teacher\"", "it has: model"]);
    for name in ["model.safetensors", "config.json", "encoder.json"] {
        let file = folder.path("run/model/model").join(name);
        let whole = fs::read(&file).expect("a file of the model");
        // Without its last two bytes: the line break at the end of JSON is no loss.
        for kept in [0, 1, whole.len() / 2, whole.len() - 2] {
            fs::write(&file, &whole[..kept]).expect("a shorter file");
            let outcome = folder.limbeck(&["predict", "run", "test.tsv"]);
            assert!(matches!(outcome.code, Some(1 | 3)), "{outcome:?}");
            let code = outcome.code.unwrap_or_default();
            outcome.fails(code, &[name]);
        }
        fs::write(&file, whole).expect("the whole file");
    }
}
