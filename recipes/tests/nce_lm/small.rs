//! Small texts and models.

use std::sync::Arc;

use limbeck_data::language::{LanguageOptions, LanguageVocabulary, MemoryTokens, count};
use limbeck_engine::{Device, Fingerprint};
use limbeck_models::language::{LanguageModel, LanguageModelConfig, LnZ, Unit};
use limbeck_recipes::config::{self, NceLmRun, Run};
use limbeck_recipes::nce_lm::LanguageData;

/// A run file on top of the task, with overrides.
pub(crate) fn run(text: &str) -> NceLmRun {
    let text = format!("task = \"nce_lm\"\n{text}");
    match config::parse("run.toml", &text, &[]).expect("a run file") {
        Run::NceLm(run) => *run,
        _ => unreachable!("the task is nce_lm"),
    }
}

/// Words that follow one another by a simple rule, so that there is something to learn.
pub(crate) fn sentences(words: usize, count: usize) -> Vec<Vec<usize>> {
    let mut at = 1;
    let mut sentence = |number: usize| {
        let length = 1 + number * 7 % 13;
        let mut word = || {
            at = (at + 7) % words;
            at
        };
        (0..length).map(|_| word()).collect()
    };
    (0..count).map(&mut sentence).collect()
}

/// The data of a run on `count` sentences over so many words; dev and test are the same text.
pub(crate) fn data(words: usize, count_of: usize) -> LanguageData {
    let line = |sentence: &Vec<usize>| {
        let words: Vec<String> = sentence.iter().map(|word| format!("w{word}")).collect();
        words.join(" ")
    };
    let lines: Vec<String> = sentences(words, count_of).iter().map(line).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("text.txt");
    std::fs::write(&path, lines.join("\n")).expect("a file");
    let paths = std::slice::from_ref(&path);
    let vocabulary = count(paths, &LanguageOptions::default()).expect("words");
    let (tokens, _) = limbeck_data::language::load(&path, &vocabulary).expect("tokens");
    let tokens = Arc::new(tokens);
    LanguageData {
        counts: vocabulary.counts().to_vec(),
        train: tokens.clone(),
        dev: tokens.clone(),
        test: Some(tokens),
        files: Vec::new(),
        report: String::new(),
        vocabulary,
    }
}

/// A vocabulary of this many words, without a text.
pub(crate) fn vocabulary(words: usize) -> LanguageVocabulary {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("text.txt");
    let names: Vec<String> = (1..words).map(|word| format!("w{word}")).collect();
    std::fs::write(&path, names.join(" ")).expect("a file");
    let options = LanguageOptions {
        max_size: words,
        ..LanguageOptions::default()
    };
    count(&[path], &options).expect("words")
}

/// Tokens 1, 2, 3 ...
pub(crate) fn counted(tokens: u32) -> Arc<MemoryTokens> {
    Arc::new(MemoryTokens::new((1..=tokens).collect::<Vec<u32>>()))
}

/// A model with dense tables and without dropout.
pub(crate) fn model(words: usize, unit: Unit, device: &Device) -> LanguageModel {
    let config = LanguageModelConfig {
        vocabulary_size: words,
        vocabulary: Fingerprint(1),
        unit,
        layers: 2,
        embedding_size: 5,
        hidden_size: 6,
        dropout: 0.0,
        variational: false,
        weight_drop: 0.0,
        tied: false,
        initial_range: 0.5,
        row_sparse: false,
        ln_z: LnZ::Constant(0.0),
    };
    LanguageModel::new(config, vec![0.0; words], 3, device).expect("valid sizes")
}
