//! Weights of 8 bits: what is written, what is read again, what a graph has.

use limbeck_engine::Device;
use limbeck_models::Head;
use limbeck_recipes::config::{
    Model, Norm, RecurrentKind, TextCnnPooling, Topology, TransformerPooling,
};
use limbeck_recipes::export::{
    ExportOptions, Target, export_classifier, export_language_model, rounded,
};
use limbeck_recipes::nce_lm::TextGenerator;
use limbeck_recipes::text::TextClassifier;
use limbeck_training::tensors;

use crate::runtime::{Exported, Input, all, assert_near, compare, ids_of, padded};
use crate::tiny::{TEXTS, classifier, language_model, tagger, text_cnn, transformer};

fn models() -> [TextClassifier; 2] {
    let cnn = text_cnn(Topology::Stacked, TextCnnPooling::MaxMean);
    let transformer = transformer(Norm::Post, TransformerPooling::Mean);
    [cnn, Model::Transformer(transformer)].map(|model| classifier(&model, Head::Pooled))
}

fn weights(classifier: &TextClassifier) -> Vec<Vec<f32>> {
    let values = classifier.model().parameters().values().read();
    values.expect("weights")
}

fn options(target: Target, int8: bool) -> ExportOptions {
    ExportOptions { target, int8 }
}

#[test]
fn a_folder_of_8_bits_is_read_as_what_was_rounded() {
    for model in models() {
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path().join("small");
        let options = options(Target::Safetensors, true);
        let exported = export_classifier(&model, &out, options).expect("exported");
        let loaded = TextClassifier::load(&out, &Device::cpu()).expect("a classifier");
        let expected = rounded(&model).expect("a copy");
        assert_eq!(weights(&loaded), weights(&expected));
        assert_ne!(weights(&loaded), weights(&model), "something was rounded");
        assert_eq!(loaded.labels(), model.labels());
        // The tables and maps of these models are small: scales and vectors weigh more than they do in
        // models that are worth it.
        assert_eq!(exported.bytes_f32, 4 * exported.parameters as u64);
        assert!(2 * exported.bytes < exported.bytes_f32, "{exported:?}");
        let file = tensors::read(&out.join("model.safetensors")).expect("a file");
        let bytes = file.values().map(|tensor| match tensor.values() {
            tensors::Values::I8(numbers) => numbers.len(),
            values => 4 * values.len(),
        });
        assert_eq!(bytes.sum::<usize>() as u64, exported.bytes);
    }
}

#[test]
fn a_folder_of_f32_has_the_same_weights() {
    let [model, _] = models();
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("same");
    export_classifier(&model, &out, options(Target::Safetensors, false)).expect("exported");
    let loaded = TextClassifier::load(&out, &Device::cpu()).expect("a classifier");
    assert_eq!(weights(&loaded), weights(&model));
}

#[test]
fn a_graph_of_8_bits_says_what_the_folder_of_8_bits_says() {
    for model in models() {
        let exported = Exported::classifier(&model, true);
        let [ids, mask] = padded(&ids_of(&model, &TEXTS), 1);
        let scores = |classifier: &TextClassifier| {
            let encoded = classifier.encoder().encode_all(&TEXTS);
            let scores = classifier
                .model()
                .predict(&encoded.iter().collect::<Vec<_>>());
            scores.expect("scores").concat()
        };
        let expected = scores(&rounded(&model).expect("a copy"));
        let inputs = [("input_ids", ids), ("attention_mask", mask)];
        let what = format!("8 bits {:?}", model.config().kind());
        exported.keep(&what, &inputs, &[("logits", all(&expected))]);
        let found = exported.run(&inputs, &["logits"]);
        assert_near(&what, &found[0], &expected);
        let (apart, _) = compare(&found[0], &scores(&model));
        assert!(apart > 1e-4, "rounding shows, found {apart}");
        let size = |int8| {
            let exported = Exported::classifier(&model, int8);
            let file = exported.path().join("model.onnx");
            file.metadata().expect("a file").len()
        };
        assert!(size(true) < size(false));
    }
}

#[test]
fn scores_of_one_tag_after_another_are_not_rounded() {
    let trunk = text_cnn(Topology::Parallel, TextCnnPooling::Max);
    let model = classifier(&tagger(trunk, true), Head::Pooled);
    let copy = rounded(&model).expect("a copy");
    let values = |model: &TextClassifier, name: &str| {
        let store = model.model().parameters();
        let id = store.find(name).expect("of a tagger with a CRF");
        store.value(id).read().expect("numbers")
    };
    for (name, same) in [("transitions", true), ("words.weight", false)] {
        assert_eq!(values(&copy, name) == values(&model, name), same, "{name}");
    }
    let exported = Exported::classifier(&model, true);
    let inputs = exported.inputs();
    assert!(inputs.contains(&"letter_ids".to_string()), "{inputs:?}");
}

#[test]
fn a_language_model_of_8_bits_is_read_and_exported() {
    let generator = language_model(RecurrentKind::Lstm, false);
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("small");
    let exported = export_language_model(&generator, &out, options(Target::Safetensors, true));
    assert!(
        exported.expect("exported").bytes < 4 * generator.model().parameters().parameters() as u64
    );
    let loaded = TextGenerator::load(&out, &Device::cpu()).expect("a model");
    let run = |exported: &Exported| {
        let inputs = [
            ("input_ids", Input::Ids(vec![1, 3], vec![0, 3, 5])),
            ("h", Input::Reals(vec![2, 1, 12], vec![0.1; 24])),
            ("c", Input::Reals(vec![2, 1, 12], vec![0.2; 24])),
        ];
        exported.run(&inputs, &["logits"]).remove(0)
    };
    // What was rounded is not rounded again.
    let ours = run(&Exported::language_model(&loaded, false));
    let theirs = run(&Exported::language_model(&generator, true));
    assert_near("a language model", &theirs, &ours);
}
