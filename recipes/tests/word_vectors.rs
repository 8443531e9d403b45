//! A TextCNN that starts from word vectors of a file.

use std::path::Path;

use limbeck_data::tokenize::Tokenizer;
use limbeck_engine::Device;
use limbeck_recipes::config::{self, Override, Run};
use limbeck_recipes::text::{Encoder, TextClassifier};
use limbeck_recipes::{Error, RunContext, RunData, train};
use limbeck_training::interrupt::Interrupt;

const RUN: &str = r#"
task = "train"
[data]
format = "corpus"
[data.corpus]
train_size = 60
test_size = 10
[model]
kind = "text_cnn"
embedding_size = 3
channels = 4
kernel_sizes = [2]
[training]
length = "3 steps"
batch_size = 8
"#;

fn run(file: &Path, more: &[&str]) -> Result<TextClassifier, Error> {
    let file = format!("model.embeddings=\"{}\"", file.display());
    let overrides: Vec<Override> = [&[file.as_str()][..], more]
        .concat()
        .iter()
        .map(|o| o.parse().expect("an override"))
        .collect();
    let Run::Train(run) = config::parse("run.toml", RUN, &overrides).expect("a run file") else {
        unreachable!("the task is train")
    };
    let (device, interrupt) = (Device::cpu(), Interrupt::new());
    let data = RunData::read(&run.data, run.seed).expect("the corpus");
    let mut context = RunContext::in_memory(&device, run.seed, &interrupt);
    Ok(train(&run, &data, &mut context)?.classifier)
}

/// The vector of a word.
fn vector(classifier: &TextClassifier, word: &str) -> Vec<f32> {
    let Encoder::Tokens(tokenizer) = classifier.encoder() else {
        panic!("a TextCNN reads tokens")
    };
    let id = tokenizer.vocabulary().id(word) as usize;
    let store = classifier.model().parameters();
    let table = store.find("embedding.weight").expect("word vectors");
    let values = store.value(table).read().expect("numbers");
    values[3 * id..3 * id + 3].to_vec()
}

#[test]
fn a_frozen_table_keeps_the_vectors_of_the_file_in_every_form() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let none = run(Path::new(""), &[]).expect("random vectors");
    let Encoder::Tokens(tokenizer) = none.encoder() else {
        panic!("a TextCNN reads tokens")
    };
    // The most frequent word of the corpus, whatever it is: the last tokens are the rarest.
    let word = tokenizer.vocabulary().tokens()[4].clone();
    std::fs::write(path("v.txt"), format!("{word} 0.5 -1 8\nnobody 1 2 3\n")).expect("text");
    let numbers: Vec<u8> = [0.5f32, -1.0, 8.0]
        .iter()
        .flat_map(|x| x.to_le_bytes())
        .collect();
    let binary = [format!("1 3\n{word} ").into_bytes(), numbers.clone()].concat();
    std::fs::write(path("v.bin"), binary).expect("bytes");
    let tensors = |words: &str, dtype: &str, shape: &str| {
        let header = format!(
            "{{\"__metadata__\":{{\"words\":{}}},\"x\":{{\"dtype\":\"{dtype}\",\"shape\":{shape},\
             \"data_offsets\":[0,12]}}}}",
            serde_json::json!(words)
        );
        let length = (header.len() as u64).to_le_bytes();
        [&length[..], header.as_bytes(), &numbers].concat()
    };
    let list = serde_json::json!([word]).to_string();
    let table = tensors(&list, "F32", "[1,3]");
    std::fs::write(path("v.safetensors"), &table).expect("a table");
    for name in ["v.txt", "v.bin", "v.safetensors"] {
        let frozen = run(&path(name), &["model.freeze_embeddings=true"]).expect(name);
        assert_eq!(vector(&frozen, &word), [0.5, -1.0, 8.0], "{name}");
        let learnt = vector(&run(&path(name), &[]).expect(name), &word);
        assert_ne!(learnt, [0.5, -1.0, 8.0], "{name}");
        // Three updates of AdamW at a rate of 0.001 move no number by more than that.
        assert!((learnt[2] - 8.0).abs() < 0.01, "{name}: {learnt:?}");
    }
    assert_ne!(vector(&none, &word), [0.5, -1.0, 8.0]);

    let refused = |name: &str, more: &[&str], part: &str| {
        let error = run(&path(name), more).err().expect("refused");
        assert_eq!(error.exit_code(), 3, "{error}");
        assert!(error.to_string().contains(part), "{part}: {error}");
    };
    refused(
        "v.txt",
        &["model.embedding_size=4"],
        "vectors of 3 numbers, but `embedding_size` is 4",
    );
    refused("none.txt", &[], "none.txt");
    for (bytes, part) in [
        (tensors("no list", "F32", "[1,3]"), "a JSON list"),
        (
            tensors("[\"a\", \"b\"]", "F32", "[1,3]"),
            "each of the 2 words",
        ),
        (tensors(&list, "I32", "[1,3]"), "I32"),
        (tensors(&list, "F32", "[3]"), "[words, numbers]"),
    ] {
        std::fs::write(path("bad.safetensors"), bytes).expect("a table");
        refused("bad.safetensors", &[], part);
    }
    for length in 0..table.len() {
        std::fs::write(path("cut.safetensors"), &table[..length]).expect("a table");
        refused("cut.safetensors", &[], "cut.safetensors");
    }
}

#[test]
fn settings_that_do_not_fit_are_refused() {
    for (text, key) in [
        (
            "task = \"train\"\n[model]\nfreeze_embeddings = true\n",
            "model.freeze_embeddings",
        ),
        (
            "task = \"relay\"\n[student]\nembeddings = \"v.txt\"\n",
            "student.embeddings",
        ),
        (
            "task = \"unit_select\"\n[student]\nembeddings = \"v.txt\"\n",
            "student.embeddings",
        ),
    ] {
        let error = config::parse("run.toml", text, &[])
            .expect_err("refused")
            .to_string();
        assert!(error.contains(key), "{key}: {error}");
    }
}
