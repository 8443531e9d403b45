//! Models with random weights, of every kind that is exported.

use std::path::Path;

use limbeck_data::language::{LanguageOptions, count};
use limbeck_data::tagging::Scheme;
use limbeck_engine::Device;
use limbeck_models::Head;
use limbeck_recipes::config::{
    DataConfig, Format, Model, ModelKind, Norm, PretrainedActivation, PretrainedConfig,
    PretrainedSizes, RecurrentConfig, RecurrentKind, TaggerConfig, TextCnnConfig, TextCnnPooling,
    TokenizerConfig, Topology, TransformerConfig, TransformerPooling, WordsConfig,
};
use limbeck_recipes::layerwise::Preset;
use limbeck_recipes::nce_lm::{NceLmOptions, NoiseLaw, TextGenerator};
use limbeck_recipes::text::{Encoder, TextClassifier};

/// Texts of several lengths, one of them without a word.
pub(crate) const TEXTS: [&str; 5] = [
    "a red powder of lead and oil",
    "thin",
    "",
    "the long story of a liquid that dries slowly in the dark , and of those who wait for it",
    "in Kiel in 1998",
];

fn tokenizer() -> TokenizerConfig {
    TokenizerConfig {
        min_count: 1,
        ..TokenizerConfig::default()
    }
}

pub(crate) fn text_cnn(topology: Topology, pooling: TextCnnPooling) -> Model {
    Model::TextCnn(TextCnnConfig {
        topology,
        pooling,
        embedding_size: 12,
        // As wide as the embedding where blocks are stacked: the first one has a residual then.
        channels: if topology == Topology::Stacked { 12 } else { 9 },
        kernel_sizes: vec![2, 3, 4],
        dropout: 0.5,
        tokenizer: tokenizer(),
        ..TextCnnConfig::default()
    })
}

pub(crate) fn transformer(norm: Norm, pooling: TransformerPooling) -> TransformerConfig {
    TransformerConfig {
        hidden_size: 12,
        layers: 3,
        heads: 3,
        feed_forward_size: 20,
        norm,
        pooling,
        max_positions: 24,
        tokenizer: tokenizer(),
        ..TransformerConfig::default()
    }
}

pub(crate) fn pretrained(dir: &Path, activation: PretrainedActivation) -> Model {
    let tokens = "[PAD] [UNK] [CLS] [SEP] a red powder oil thin the story in of 1998";
    std::fs::write(dir.join("vocab.txt"), tokens.replace(' ', "\n")).expect("a table");
    Model::Pretrained(PretrainedConfig {
        dir: dir.into(),
        pooling: TransformerPooling::First,
        encoder: PretrainedSizes {
            hidden_size: 12,
            layers: 2,
            heads: 2,
            feed_forward_size: 16,
            max_positions: 32,
            norm_epsilon: 1e-6,
            activation,
        },
        ..PretrainedConfig::default()
    })
}

pub(crate) fn tagger(trunk: Model, crf: bool) -> Model {
    Model::Tagger(TaggerConfig {
        keywords: false,
        scheme: Scheme::Iob2,
        read: Default::default(),
        max_length: 24,
        words: WordsConfig {
            min_count: 1,
            size: 10,
            letter_size: 5,
            letter_channels: 7,
            form_size: 3,
            crf,
            ..WordsConfig::default()
        },
        trunk: Box::new(trunk),
    })
}

/// A classifier or tagger with random weights, biases and gains included.
pub(crate) fn classifier(model: &Model, head: Head) -> TextClassifier {
    let device = Device::cpu();
    let texts = TEXTS.map(String::from);
    let data = DataConfig::of_format(Format::Tsv);
    let first = matches!(model, Model::Transformer(t) if t.pooling == TransformerPooling::First);
    let encoder = Encoder::train(model, &data, first, &texts).expect("an encoder");
    let labels = match model {
        Model::Tagger(_) => Scheme::Iob2.tag_names(&["LOC", "MISC", "ORG", "PER"]),
        _ => ["pigment", "solvent", "binder"].map(String::from).to_vec(),
    };
    let made = TextClassifier::new(model, head, encoder, &labels, 5, &device);
    let mut classifier = made.expect("a model");
    let shaken = shake(classifier.model().parameters().read().expect("weights"));
    let store = classifier.model_mut().parameters_mut();
    store.load(&shaken).expect("as many");
    classifier
}

/// Gains that are not 1 and biases that are not 0, so that one that is left out is noticed.
fn shake(
    read: Vec<(String, limbeck_engine::Shape, Vec<f32>)>,
) -> std::collections::HashMap<String, Vec<f32>> {
    let shaken = read.into_iter().map(|(name, _, values)| {
        let moved = values.iter().enumerate();
        let moved =
            moved.map(|(i, value)| value + 0.2 * (i as f32 * 1.7 + name.len() as f32).sin());
        let moved = moved.collect();
        (name, moved)
    });
    shaken.collect()
}

pub(crate) fn language_model(kind: RecurrentKind, tied: bool) -> TextGenerator {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("train.txt");
    std::fs::write(&path, TEXTS.join("\n")).expect("a text");
    let vocabulary = count(&[path], &LanguageOptions::default()).expect("a vocabulary");
    let config = RecurrentConfig {
        kind,
        layers: 2,
        embedding_size: 10,
        hidden_size: if tied { 10 } else { 12 },
        dropout: 0.2,
        variational: false,
        weight_drop: 0.0,
        tied,
        initial_range: 0.4,
    };
    let method = NceLmOptions::preset(Preset::Tuned);
    let law = NoiseLaw::new(&vec![1.0; vocabulary.len()]);
    let made = TextGenerator::new(vocabulary, &config, &method, &law, false, 5, &Device::cpu());
    made.expect("a model")
}

/// Kinds that cannot be exported to ONNX.
pub(crate) fn others() -> Vec<Model> {
    let kinds = [
        ModelKind::BagOfNgrams,
        ModelKind::TextGraph,
        ModelKind::Seq2seq,
    ];
    kinds.map(Model::of_kind).to_vec()
}
