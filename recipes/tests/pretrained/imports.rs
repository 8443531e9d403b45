//! Folders of other programs: what is refused, and what is said of the others.

use std::path::Path;

use limbeck_recipes::pretrained::{ImportOptions, import};
use serde_json::{Value, json};

use crate::fixture;

/// A copy of a fixture whose description is changed.
fn altered(name: &str, change: impl Fn(&mut Value)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for entry in std::fs::read_dir(fixture(name)).expect("a fixture") {
        let path = entry.expect("an entry").path();
        let to = folder.path().join(path.file_name().expect("a name"));
        std::fs::copy(&path, to).expect("a copy");
    }
    let path = folder.path().join("config.json");
    let text = std::fs::read_to_string(&path).expect("a description");
    let mut json = serde_json::from_str(&text).expect("JSON");
    change(&mut json);
    std::fs::write(&path, json.to_string()).expect("a file");
    folder
}

fn refusal(folder: &Path) -> String {
    let out = tempfile::tempdir().expect("a folder");
    let outcome = import(folder, &out.path().join("out"), &ImportOptions::default());
    let error = outcome.expect_err("a folder that must be refused");
    assert_eq!(error.exit_code(), 3, "{error}");
    error.to_string()
}

#[test]
fn a_description_that_does_not_fit_is_refused() {
    let changed = |key: &str, value: Value| {
        let folder = altered("bert", |json| json[key] = value.clone());
        refusal(folder.path())
    };
    for (key, value, messages) in [
        ("model_type", json!("t5"), &["\"t5\"", "distilbert"][..]),
        (
            "hidden_size",
            json!(16),
            &["of another shape", "in place of [any, 16]"],
        ),
        ("hidden_size", json!(-1), &["`hidden_size`", "at least 1"]),
        ("hidden_size", json!(1u64 << 60), &["of another shape"]),
        (
            "num_hidden_layers",
            json!(3),
            &["16 missing: bert.encoder.layer.2.", "and 10 more"],
        ),
        (
            "num_hidden_layers",
            json!(1),
            &["16 unknown: bert.encoder.layer.1."],
        ),
        (
            "num_hidden_layers",
            json!(1u64 << 40),
            &["at most 1000 layers"],
        ),
        (
            "num_attention_heads",
            json!(3),
            &["heads that divide the width 8, found 3"],
        ),
        (
            "max_position_embeddings",
            json!(512),
            &["position_embeddings", "[512, 8]"],
        ),
        ("hidden_act", json!("swish"), &["\"swish\""]),
        ("layer_norm_eps", json!("x"), &["layer_norm_eps"]),
        (
            "position_embedding_type",
            json!("relative_key"),
            &["absolute"],
        ),
    ] {
        let found = changed(key, value);
        for message in messages {
            assert!(found.contains(message), "{key}: {found}");
        }
    }
    let empty = tempfile::tempdir().expect("a folder");
    assert!(refusal(empty.path()).contains("no config.json in it"));
}

#[test]
fn a_table_of_other_tokens_is_refused_with_numbers() {
    for (text, tokens) in [
        ("[UNK]\n[CLS]\n[SEP]\n", 3),
        ("a\n[UNK]\n[CLS]\n[SEP]\n", 4),
    ] {
        let folder = altered("bert", |_| {});
        std::fs::write(folder.path().join("vocab.txt"), text).expect("a table");
        let found = refusal(folder.path());
        let message = format!("embeds 30 tokens, but the tokeniser beside it has {tokens}");
        assert!(found.contains(&message), "{found}");
    }
}

#[test]
fn weights_that_are_not_there_are_asked_for() {
    let folder = altered("bert", |_| {});
    std::fs::remove_file(folder.path().join("model.safetensors")).expect("a file less");
    assert!(refusal(folder.path()).contains("expected model.safetensors or pytorch_model.bin"));
}

#[test]
fn an_import_says_what_it_did() {
    let out = tempfile::tempdir().expect("a folder");
    let out = out.path().join("bert");
    let imported = import(&fixture("bert"), &out, &ImportOptions::default()).expect("an import");
    assert_eq!(imported.tokens, 30);
    // 4 before the layers, 12 in each; of the file 5, and 16 in each.
    assert_eq!(imported.mapped, [28, 37]);
    let skipped: Vec<&str> = imported.skipped.iter().map(String::as_str).collect();
    assert!(
        skipped.contains(&"bert.embeddings.position_ids") && skipped.len() == 7,
        "{skipped:?}"
    );
    let again = import(&fixture("bert"), &out, &ImportOptions::default());
    assert!(
        again
            .expect_err("it is there")
            .to_string()
            .contains("is there already")
    );
}
