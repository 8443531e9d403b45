//! Graphs for other runtimes compute what our models do.

use limbeck_engine::{Tape, TimeMajor};
use limbeck_models::{Encoded, Head};
use limbeck_recipes::config::{
    Model, Norm, PretrainedActivation, RecurrentKind, Seq2seqConfig, TextCnnPooling, Topology,
    TransformerPooling,
};
use limbeck_recipes::export::{ExportOptions, Target, export_classifier, export_language_model};
use limbeck_recipes::nce_lm::TextGenerator;
use limbeck_recipes::text::TextClassifier;

use crate::runtime::{Exported, Input, all, assert_near, ids_of, padded, require_file};
use crate::tiny::{
    TEXTS, classifier, language_model, others, pretrained, tagger, text_cnn, transformer,
};

/// Scores of all texts one after the other, by our own model.
fn ours(classifier: &TextClassifier) -> Vec<f32> {
    let encoded = classifier.encoder().encode_all(&TEXTS);
    let scores = classifier
        .model()
        .predict(&encoded.iter().collect::<Vec<_>>());
    scores.expect("scores").concat()
}

/// Holds a classifier's graph against the classifier, with padding and without.
fn hold(what: &str, classifier: &TextClassifier) {
    let expected = ours(classifier);
    let exported = Exported::classifier(classifier, false);
    assert_eq!(exported.inputs(), ["input_ids", "attention_mask"]);
    let texts = ids_of(classifier, &TEXTS);
    for spare in [0, 3] {
        let [ids, mask] = padded(&texts, spare);
        let inputs = [("input_ids", ids), ("attention_mask", mask)];
        exported.keep(what, &inputs, &[("logits", all(&expected))]);
        let found = exported.run(&inputs, &["logits"]);
        assert_near(&format!("{what}, {spare} spare"), &found[0], &expected);
    }
    // One text alone.
    let [ids, mask] = padded(&texts[..1], 0);
    let found = exported.run(&[("input_ids", ids), ("attention_mask", mask)], &["logits"]);
    assert_near(what, &found[0], &expected[..classifier.labels().len()]);
    require_file(&exported.path(), "encoder.json");
}

#[test]
fn text_cnns_of_every_topology_and_pooling() {
    for topology in [Topology::Parallel, Topology::Stacked] {
        for pooling in [
            TextCnnPooling::Max,
            TextCnnPooling::Mean,
            TextCnnPooling::MaxMean,
        ] {
            let what = format!("text_cnn {topology:?} {pooling:?}");
            hold(
                &what,
                &classifier(&text_cnn(topology, pooling), Head::Pooled),
            );
        }
    }
}

#[test]
fn transformers_of_every_norm_pooling_and_head() {
    let projected = |embedding_size| Head::Projected {
        layers: vec![1, 3],
        size: 7,
        embedding_size,
    };
    let first = TransformerPooling::First;
    let mean = TransformerPooling::Mean;
    let cases = [
        (Norm::Pre, mean, Head::Pooled),
        (Norm::Post, first, Head::Pooled),
        (Norm::Pre, first, projected(Some(5))),
        // As wide as the states: no projection.
        (Norm::Post, mean, projected(Some(12))),
        (Norm::Pre, mean, projected(None)),
    ];
    for (norm, pooling, head) in cases {
        let what = format!("transformer {norm:?} {pooling:?} {head:?}");
        let model = Model::Transformer(transformer(norm, pooling));
        hold(&what, &classifier(&model, head));
    }
}

#[test]
fn pretrained_encoders_with_every_activation() {
    for activation in [
        PretrainedActivation::Gelu,
        PretrainedActivation::GeluTanh,
        PretrainedActivation::Relu,
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let model = pretrained(folder.path(), activation);
        hold(
            &format!("pretrained {activation:?}"),
            &classifier(&model, Head::Pooled),
        );
    }
}

/// Words of several sentences side by side, as the graph of a tagger reads them.
fn words_of(classifier: &TextClassifier) -> (Vec<(&'static str, Input)>, Vec<usize>, usize) {
    let encoded = classifier.encoder().encode_all(&TEXTS);
    let texts: Vec<_> = encoded
        .iter()
        .map(|text| match text {
            Encoded::Words(words) => words,
            _ => panic!("words"),
        })
        .collect();
    let lengths: Vec<usize> = texts.iter().map(|text| text.ids.len()).collect();
    let [ids, mask] = padded(&texts.iter().map(|t| t.ids.clone()).collect::<Vec<_>>(), 2);
    let [shapes, _] = padded(
        &texts.iter().map(|t| t.shapes.clone()).collect::<Vec<_>>(),
        2,
    );
    let width = lengths.iter().max().expect("a text") + 2;
    let spellings = texts.iter().flat_map(|text| {
        let missing = width - text.ids.len();
        let none = std::iter::repeat_n(Vec::new(), missing);
        text.spellings.iter().cloned().chain(none)
    });
    let [letters, letter_mask] =
        padded(&spellings.collect::<Vec<_>>(), 1).map(|input| match input {
            Input::Ids(shape, ids) => Input::Ids(vec![texts.len(), width, shape[1]], ids),
            reals => reals,
        });
    let inputs = vec![
        ("word_ids", ids),
        ("attention_mask", mask),
        ("letter_ids", letters),
        ("letter_mask", letter_mask),
        ("shape_ids", shapes),
    ];
    (inputs, lengths, width)
}

/// Scores of packed rows at their places in a padded batch.
fn spread(scores: &[f32], lengths: &[usize], width: usize, tags: usize) -> Vec<Option<f32>> {
    let mut rows = scores.chunks(tags);
    let mut spread = Vec::with_capacity(lengths.len() * width * tags);
    for &length in lengths {
        for row in rows.by_ref().take(length) {
            spread.extend(all(row));
        }
        spread.resize(spread.len() + (width - length) * tags, None);
    }
    spread
}

#[test]
fn taggers_over_every_trunk() {
    let (max, mean) = (TextCnnPooling::Max, TransformerPooling::Mean);
    let cases = [
        (text_cnn(Topology::Parallel, max), true),
        (text_cnn(Topology::Stacked, max), false),
        (Model::Transformer(transformer(Norm::Pre, mean)), false),
        (Model::Transformer(transformer(Norm::Post, mean)), true),
    ];
    for (trunk, crf) in cases {
        let what = format!("{:?} crf {crf}", trunk.kind());
        let tagger = classifier(&tagger(trunk, crf), Head::Pooled);
        let tags = tagger.labels().len();
        let exported = Exported::classifier(&tagger, false);
        let (inputs, lengths, width) = words_of(&tagger);
        let mut outputs = vec!["logits"];
        outputs.extend(crf.then_some("transitions"));
        let found = exported.run(&inputs, &outputs);
        let scores = ours(&tagger);
        exported.keep(
            &format!("tagger {what}"),
            &inputs,
            &[("logits", spread(&scores, &lengths, width, tags))],
        );
        let rows = lengths.iter().enumerate().flat_map(|(text, length)| {
            let start = text * width * tags;
            found[0][start..start + length * tags].to_vec()
        });
        assert_near(&what, &rows.collect::<Vec<_>>(), &scores);
        if crf {
            let store = tagger.model().parameters();
            let id = store.find("transitions").expect("of a CRF");
            assert_eq!(found[1], store.value(id).read().expect("scores"));
        }
    }
}

/// Scores of every next word `[batch, sequence, words]`, and the state after the last.
fn read_on(generator: &TextGenerator, texts: &[Vec<u32>]) -> (Vec<f32>, Vec<Vec<f32>>) {
    let model = generator.model();
    let tape = Tape::inference(model.parameters().device());
    let (mut scores, mut states) = (Vec::new(), Vec::<Vec<f32>>::new());
    for text in texts {
        let steps = TimeMajor::new(tape.device(), &[text.len()], 0, 0).expect("steps");
        let tables = model.tables(&tape, text, &[]).expect("words");
        let state = model.initial_state(1).expect("zeros").constants(&tape);
        let read = model.read(&tape, &tables, text, &steps, &state);
        let (hidden, after) = read.expect("states");
        let logits = model.logits(&tape, &tables, &hidden).expect("scores");
        scores.extend(logits.tensor().read().expect("numbers"));
        let after = after.value();
        states.push(
            after
                .tensors()
                .flat_map(|t| t.read().expect("numbers"))
                .collect(),
        );
    }
    (scores, states)
}

#[test]
fn language_models_carry_their_state() {
    for (kind, tied) in [
        (RecurrentKind::Lstm, false),
        (RecurrentKind::Lstm, true),
        (RecurrentKind::Gru, false),
    ] {
        let what = format!("{kind:?}, tied {tied}");
        let generator = language_model(kind, tied);
        let exported = Exported::language_model(&generator, false);
        let texts = [vec![0, 3, 5, 2, 7], vec![0, 1, 1, 4, 6]];
        let hidden = generator.config().hidden_size;
        let lstm = kind == RecurrentKind::Lstm;
        let names: &[&str] = if lstm { &["h", "c"] } else { &["h"] };
        let outputs: &[&str] = match lstm {
            true => &["logits", "h_out", "c_out"],
            false => &["logits", "h_out"],
        };
        let (expected, after) = read_on(&generator, &texts);
        let part = |from: usize, to: usize, states: &[Vec<f32>]| {
            let ids = texts
                .iter()
                .flat_map(|text| text[from..to].iter().map(|&id| id as i32));
            let ids = Input::Ids(vec![2, to - from], ids.collect());
            let mut inputs = vec![("input_ids", ids)];
            for (name, state) in names.iter().zip(states) {
                inputs.push((name, Input::Reals(vec![2, 2, hidden], state.clone())));
            }
            if to == 5 && from == 0 {
                exported.keep(&what, &inputs, &[("logits", all(&expected))]);
            }
            exported.run(&inputs, outputs)
        };
        let zeros = vec![vec![0.0; 4 * hidden]; names.len()];
        let whole = part(0, 5, &zeros);
        assert_near(&what, &whole[0], &expected);
        // In two parts the state is all that is known of the first.
        let first = part(0, 2, &zeros);
        let second = part(2, 5, &first[1..]);
        let words = generator.vocabulary().len();
        let of_second = expected
            .chunks(5 * words)
            .flat_map(|text| text[2 * words..].to_vec());
        assert_near(&what, &second[0], &of_second.collect::<Vec<_>>());
        // Ours is [layers, hidden] of each state of a text; theirs [layers, batch, hidden].
        for (text, after) in after.iter().enumerate() {
            let theirs = second[1..].iter().flat_map(|state| {
                state
                    .chunks(hidden)
                    .skip(text)
                    .step_by(2)
                    .flat_map(<[f32]>::to_vec)
            });
            assert_near(&what, &theirs.collect::<Vec<_>>(), after);
        }
        require_file(&exported.path(), "vocabulary.json");
    }
}

#[test]
fn what_cannot_be_exported_is_refused_with_what_can() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let options = ExportOptions {
        target: Target::Onnx,
        int8: false,
    };
    let mut models = others();
    models.push(tagger(Model::Seq2seq(Seq2seqConfig::default()), false));
    for model in models {
        let error = export_classifier(&classifier(&model, Head::Pooled), &out, options);
        let error = error.expect_err("no such graph");
        let message = error.to_string();
        assert!(
            message.contains("text_cnn, transformer and pretrained"),
            "{message}"
        );
        assert_eq!(error.exit_code(), 2);
        assert!(!out.exists(), "nothing is left behind");
    }
    let rnn = language_model(RecurrentKind::Rnn, false);
    let error = export_language_model(&rnn, &out, options).expect_err("no such graph");
    assert!(error.to_string().contains("lstm and gru"), "{error}");
}

#[test]
fn a_file_has_its_tokeniser_beside_it_and_replaces_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = classifier(
        &text_cnn(Topology::Parallel, TextCnnPooling::Max),
        Head::Pooled,
    );
    let out = folder.path().join("new/student.onnx");
    let onnx = ExportOptions {
        target: Target::Onnx,
        int8: false,
    };
    let exported = export_classifier(&model, &out, onnx).expect("exported");
    let beside = folder.path().join("new/student.encoder.json");
    assert_eq!(exported.files, [out.clone(), beside.clone()]);
    assert!(beside.is_file());
    let bytes = std::fs::read(&out).expect("a file");
    // Names of tokenisers are strings of the file.
    let name = b"student.encoder.json";
    assert!(bytes.windows(name.len()).any(|window| window == name));
    let again = export_classifier(&model, &out, onnx).expect_err("a file is there");
    assert!(again.to_string().contains("is there already"), "{again}");
    assert_eq!(std::fs::read(&out).expect("a file"), bytes);
    let safetensors = ExportOptions {
        target: Target::Safetensors,
        int8: false,
    };
    let file = folder.path().join("model.safetensors");
    let error = export_classifier(&model, &file, safetensors).expect_err("a folder is wanted");
    assert!(
        error.to_string().contains("the name of a folder"),
        "{error}"
    );
}
