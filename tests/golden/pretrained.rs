//! Pretrained encoders, from the files of other programs to the vectors of texts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use limbeck::engine::{Device, Tape};
use limbeck::models::{Encoded, Head};
use limbeck::recipes::Result;
use limbeck::recipes::config::{DataConfig, Format, Model, PretrainedConfig, TransformerPooling};
use limbeck::recipes::pretrained::{ImportOptions, import};
use limbeck::recipes::text::{Encoder, TextClassifier};
use serde::Deserialize;

use crate::files;

/// Positions and token types are added in f32 (an error of 6e-8 of numbers up to 1), and three norms
/// scale what they normalise by up to 3.
pub(crate) const REFERENCE: f64 = 1e-6;
/// Some hundred operations of f32 on numbers up to 3.
pub(crate) const SINGLE: f64 = 1e-5;

/// What PyTorch makes of the texts with a tiny model each.
#[derive(Deserialize)]
struct Tiny {
    texts: Vec<String>,
    #[serde(flatten)]
    models: BTreeMap<String, Vec<OfText>>,
}

#[derive(Deserialize)]
struct OfText {
    ids: Vec<u32>,
    mean: Vec<f64>,
    first: Vec<f64>,
}

/// The first numbers of a text's vector, and figures of the whole.
#[derive(Deserialize)]
struct Real {
    text: String,
    times: usize,
    tokens: usize,
    mean: Vec<f64>,
    norm: f64,
    sum: f64,
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/pretrained")
        .join(name)
}

/// A pretrained model with a new head.
fn load(dir: &Path, pooling: TransformerPooling, device: &Device) -> Result<TextClassifier> {
    let config = PretrainedConfig {
        pooling,
        ..PretrainedConfig::of_folder(dir)?
    };
    let data = DataConfig {
        max_length: 512,
        ..DataConfig::of_format(Format::Tsv)
    };
    let model = Model::Pretrained(config);
    let encoder = Encoder::train(&model, &data, false, &[])?;
    let labels = ["a".to_owned(), "b".to_owned()];
    TextClassifier::initial(&model, Head::Pooled, encoder, &labels, 1, device)
}

fn ids(classifier: &TextClassifier, text: &str) -> Vec<u32> {
    match classifier.encoder().encode(text) {
        Encoded::Tokens(ids) => ids.ids().to_vec(),
        other => panic!("expected tokens, found {other:?}"),
    }
}

/// The vector of each text, computed in one batch.
fn vectors(classifier: &TextClassifier, texts: &[String]) -> Result<Vec<Vec<f32>>> {
    let model = classifier.model();
    let encoded = classifier.encoder().encode_all(texts);
    let tape = Tape::inference(model.device());
    let batch = model.batch(&encoded.iter().collect::<Vec<_>>(), 0)?;
    let vectors = model.represent(&tape, &batch)?.tensor().read()?;
    let width = vectors.len() / texts.len();
    Ok(vectors.chunks(width).map(<[f32]>::to_vec).collect())
}

fn compare(what: &str, found: &[f32], expected: &[f64], tolerance: f64) {
    for (i, (&a, b)) in found.iter().zip(expected).enumerate() {
        let difference = (f64::from(a) - b).abs();
        assert!(
            difference <= tolerance,
            "{what}, number {i}: {a} in place of {b}"
        );
    }
}

/// BERT from safetensors and vocab.txt, DistilBERT and XLM-R from PyTorch's archives, each directly
/// and imported.
pub(crate) fn check(device: &Device, tolerance: f64) {
    let tiny: Tiny = files::read("pretrained.json");
    assert_eq!(tiny.models.len(), 3);
    for (name, expected) in &tiny.models {
        let dir = folder(name);
        let temporary = tempfile::tempdir().expect("a folder");
        let imported = temporary.path().join("imported");
        import(&dir, &imported, &ImportOptions::default()).expect("an import");
        for (pooling, first) in [
            (TransformerPooling::Mean, false),
            (TransformerPooling::First, true),
        ] {
            let [direct, imported] = [&dir, &imported].map(|dir| {
                load(dir, pooling, device).unwrap_or_else(|error| panic!("{name}: {error}"))
            });
            let found = vectors(&direct, &tiny.texts).expect("vectors");
            assert_eq!(
                found,
                vectors(&imported, &tiny.texts).expect("vectors"),
                "{name}"
            );
            for ((text, of_text), found) in tiny.texts.iter().zip(expected).zip(&found) {
                assert_eq!(ids(&direct, text), of_text.ids, "{name}: {text:?}");
                let expected = if first { &of_text.first } else { &of_text.mean };
                assert_eq!(found.len(), expected.len());
                compare(&format!("{name}, {text:?}"), found, expected, tolerance);
            }
        }
    }
}

/// The real model, where `LIMBECK_MINILM` names its folder.
pub(crate) fn check_minilm(device: &Device) {
    let Some(dir) = std::env::var_os("LIMBECK_MINILM") else {
        eprintln!("LIMBECK_MINILM names no folder of the model: MiniLM is not compared");
        return;
    };
    let expected: Vec<Real> = files::read("pretrained_minilm.json");
    let classifier = load(Path::new(&dir), TransformerPooling::Mean, device).expect("the model");
    let texts: Vec<String> = expected
        .iter()
        .map(|real| real.text.repeat(real.times))
        .collect();
    let found = vectors(&classifier, &texts).expect("vectors");
    for ((text, real), vector) in texts.iter().zip(&expected).zip(&found) {
        assert_eq!(ids(&classifier, text).len(), real.tokens, "{:?}", real.text);
        compare(&format!("{:?}", real.text), vector, &real.mean, SINGLE);
        let wide = || vector.iter().map(|&x| f64::from(x));
        let norm = wide().map(|x| x * x).sum::<f64>().sqrt();
        let sum: f64 = wide().sum();
        // A norm moves by no more than the vector does; 384 errors add up in a sum.
        assert!(
            (norm - real.norm).abs() <= SINGLE * 384f64.sqrt(),
            "{norm} {}",
            real.norm
        );
        assert!(
            (sum - real.sum).abs() <= SINGLE * 384.0,
            "{sum} {}",
            real.sum
        );
    }
}
