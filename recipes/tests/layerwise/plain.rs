//! A3 on the whole objective of stage 2: every term against plain loops in f64 over the states of
//! one text at a time.

use limbeck_engine::{Device, ParameterStore, Tape};
use limbeck_losses::{Term, total};
use limbeck_models::{Classifier, Encoded, Head};
use limbeck_recipes::Labelled;
use limbeck_recipes::config::Model;
use limbeck_recipes::layerwise::{
    EncodedPairs, LayerwiseOptions, Lessons, LevelProjection, LevelSource, Maps, Preset,
    StudentLoss, StudentObjective, Targets, TokenLevels, Weight,
};
use limbeck_recipes::text::{Encoder, TextClassifier};
use limbeck_training::stage::Objective;

use crate::tiny::run_file;

const LABELLED: [(&str, u32); 7] = [
    ("a clear resin for wood", 0),
    ("red pigment", 1),
    ("blue and red powder", 1),
    ("resin", 0),
    ("a fast drying clear resin", 0),
    ("powder for wood and metal", 1),
    ("clear", 0),
];
const ORIGINAL: [&str; 3] = ["a clear powder", "fast drying resin for metal", "red"];
const OTHER: [&str; 3] = [
    "clear powder",
    "resin for metal that is drying fast",
    "red and blue",
];
/// Widths of the student's blocks and word vectors; the teacher's states have 16 numbers.
const CHANNELS: usize = 8;
const EMBEDDING: usize = 12;

/// Two models with random weights that read the same tokens.
struct Toy {
    teacher: TextClassifier,
    student: TextClassifier,
    labelled: Labelled,
    pairs: EncodedPairs,
}

impl Toy {
    fn new(in_head: bool) -> Self {
        let (run, device) = (run_file(&[]), Device::reference());
        let student = Model::TextCnn(run.student.clone());
        let texts: Vec<String> = LABELLED.iter().map(|(text, _)| text.to_string()).collect();
        let texts = [texts.clone(), texts].concat();
        let encoder = Encoder::train(&student, &run.data, false, &texts).expect("a vocabulary");
        let labels = ["coating".to_string(), "colour".to_string()];
        let projected = Head::Projected {
            layers: vec![1, 2],
            size: CHANNELS,
            embedding_size: Some(EMBEDDING),
        };
        let head = if in_head { projected } else { Head::Pooled };
        let model = |config: &Model, head, seed| {
            TextClassifier::new(config, head, encoder.clone(), &labels, seed, &device)
                .expect("a model")
        };
        let encode = |texts: &[&str]| encoder.encode_all(texts);
        Toy {
            labelled: Labelled {
                texts: encode(&LABELLED.map(|(text, _)| text)),
                labels: LABELLED.map(|(_, label)| label).to_vec(),
            },
            pairs: EncodedPairs {
                original: encode(&ORIGINAL),
                other: encode(&OTHER),
            },
            teacher: model(&run.teacher, head, 3),
            student: model(&student, Head::Pooled, 4),
        }
    }

    fn device(&self) -> Device {
        self.student.model().device().clone()
    }

    fn both_sides(&self) -> Vec<&Encoded> {
        self.pairs
            .original
            .iter()
            .chain(&self.pairs.other)
            .collect()
    }
}

type Rows = Vec<Vec<f64>>;

/// What a model makes of one text: its logits, and the states of its tokens at every level.
fn read(model: &dyn Classifier, text: &Encoded) -> (Vec<f64>, Vec<Rows>) {
    let tape = Tape::inference(model.device());
    let batch = model.batch(&[text], 0).expect("a text");
    let output = model.forward_with_states(&tape, &batch).expect("an output");
    let rows = |state: &limbeck_engine::Var| {
        let values = state.tensor().read_f64().expect("numbers");
        let width = state.shape().columns();
        values.chunks(width).map(<[f64]>::to_vec).collect()
    };
    let logits = output.logits.tensor().read_f64().expect("logits");
    (logits, output.states.iter().map(rows).collect())
}

fn parameter(store: &ParameterStore, name: &str) -> Vec<f64> {
    let id = store
        .find(name)
        .unwrap_or_else(|| panic!("no parameter {name}"));
    store.value(id).read_f64().expect("numbers")
}

/// `P h + c` of one vector, W holding P as `[inputs, outputs]`.
fn affine(store: &ParameterStore, name: &str, h: &[f64]) -> Vec<f64> {
    let weight = parameter(store, &format!("{name}.weight"));
    let bias = parameter(store, &format!("{name}.bias"));
    let column = |o: usize| {
        (0..h.len())
            .map(|i| h[i] * weight[i * bias.len() + o])
            .sum::<f64>()
    };
    (0..bias.len()).map(|o| column(o) + bias[o]).collect()
}

/// `P̂ h + c`, with P as `[outputs, inputs]` and its rows at unit length.
fn unit_rows(store: &ParameterStore, name: &str, h: &[f64]) -> Vec<f64> {
    let weight = parameter(store, &format!("{name}.weight"));
    let bias = parameter(store, &format!("{name}.bias"));
    let row = |row: &[f64]| {
        let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
        row.iter().zip(h).map(|(p, h)| p * h).sum::<f64>() / length
    };
    weight
        .chunks(h.len())
        .map(row)
        .zip(bias)
        .map(|(g, c)| g + c)
        .collect()
}

fn mean(rows: &Rows) -> Vec<f64> {
    let sum = |c: usize| rows.iter().map(|row| row[c]).sum::<f64>();
    (0..rows[0].len())
        .map(|c| sum(c) / rows.len() as f64)
        .collect()
}

fn largest(rows: &Rows) -> Vec<f64> {
    let over = |c: usize| {
        rows.iter()
            .map(|row| row[c])
            .fold(f64::NEG_INFINITY, f64::max)
    };
    (0..rows[0].len()).map(over).collect()
}

fn error(a: &[f64], b: &[f64]) -> f64 {
    let squares = a.iter().zip(b).map(|(a, b)| (a - b).powi(2));
    squares.sum::<f64>() / a.len() as f64
}

fn softmax(logits: &[f64], temperature: f64) -> Vec<f64> {
    let powers: Vec<f64> = logits.iter().map(|z| (z / temperature).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|p| p / sum).collect()
}

/// What is compared, and how the teacher's side is projected.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Case {
    tokens: bool,
    in_head: bool,
}

/// The layer term of one text, embedding level included.
fn plain_layers(case: Case, toy: &Toy, maps: Option<&ParameterStore>, text: &Encoded) -> f64 {
    let names = ["embedding_projection", "projections.0", "projections.1"];
    let (_, teacher) = read(toy.teacher.model(), text);
    let (_, student) = read(toy.student.model(), text);
    let store = toy.teacher.model().parameters();
    let project = |level: usize, h: &[f64]| match maps {
        None => affine(store, names[level], h),
        Some(maps) => unit_rows(maps, &format!("levels.{level}"), h),
    };
    let level = |k: usize| {
        let (h, f) = (&teacher[k], &student[k]);
        assert_eq!(h.len(), f.len(), "both read the same tokens");
        if case.tokens {
            let at = |t: usize| error(&project(k, &h[t]), &f[t]);
            return (0..f.len()).map(at).sum::<f64>() / f.len() as f64;
        }
        let f = if k == 0 { mean(f) } else { largest(f) };
        error(&project(k, &mean(h)), &f)
    };
    (0..3).map(level).sum::<f64>() / 3.0
}

fn options() -> LayerwiseOptions {
    let mut options = LayerwiseOptions::preset(Preset::Literal);
    options.temperature = 2.0;
    options.embedding_level = true;
    options.weights.w3 = 0.5;
    options.weights.w5 = Weight::Fixed(0.3);
    options.weights.w7 = Weight::Fixed(0.25);
    options
}

/// The terms of a step that reads every text, and their weighted sum.
fn terms(case: Case, toy: &mut Toy, projection: &mut LevelProjection) -> (Vec<Term>, f64) {
    let device = toy.device();
    let both: Vec<Encoded> = toy.both_sides().into_iter().cloned().collect();
    let both: Vec<&Encoded> = both.iter().collect();
    let model = toy.teacher.model();
    let source = match (case.tokens, case.in_head) {
        (true, _) => LevelSource::Nothing,
        (false, true) => LevelSource::Head,
        (false, false) => LevelSource::Layers(vec![0, 1, 2], limbeck_models::TextPooling::Mean),
    };
    let all: Vec<&Encoded> = toy.labelled.texts.iter().collect();
    let targets = |texts: &[&Encoded]| Targets::compute(model, texts, &source).expect("targets");
    let (labelled_targets, pair_targets) = (targets(&all), targets(&both));
    let token_levels = case.tokens.then(|| match case.in_head {
        true => TokenLevels::of_head(model),
        false => TokenLevels::of_layers(model, vec![0, 1, 2]),
    });
    let lessons = Lessons {
        labelled: &toy.labelled,
        pairs: &toy.pairs,
        dev: &Labelled::default(),
        labelled_targets: &labelled_targets,
        pair_targets: &pair_targets,
        token_levels,
    };
    let loss = StudentLoss::new(&options(), 2, (10, 1));
    let objective = StudentObjective::new(&mut toy.student, projection, lessons, (7, 3), 1, loss);
    let objective = objective.expect("an objective");
    let tape = Tape::deterministic(&device);
    let terms = objective.terms(&tape, 0).expect("terms");
    let whole = total(&tape, &terms)
        .expect("a total")
        .tensor()
        .read_f64()
        .expect("a number");
    (terms, whole[0])
}

fn expected(case: Case, toy: &Toy, maps: Option<&ParameterStore>) -> Vec<(&'static str, f64)> {
    let logits = |classifier: &TextClassifier, text: &Encoded| read(classifier.model(), text).0;
    let soft = |text: &Encoded| {
        let p = softmax(&logits(&toy.teacher, text), 2.0);
        let q = softmax(&logits(&toy.student, text), 2.0);
        -4.0 * p.iter().zip(&q).map(|(p, q)| p * q.ln()).sum::<f64>()
    };
    let over = |texts: &[&Encoded], term: &dyn Fn(&Encoded) -> f64| {
        texts.iter().map(|text| term(text)).sum::<f64>() / texts.len() as f64
    };
    let layers = |text: &Encoded| plain_layers(case, toy, maps, text);
    let labelled: Vec<&Encoded> = toy.labelled.texts.iter().collect();
    let labels = labelled.iter().zip(&toy.labelled.labels);
    let hard = labels
        .map(|(text, &label)| -softmax(&logits(&toy.student, text), 1.0)[label as usize].ln());
    let pairs = toy.pairs.original.iter().zip(&toy.pairs.other);
    let divergence = pairs.map(|(one, other)| {
        let p = softmax(&logits(&toy.student, one), 1.0);
        let q = softmax(&logits(&toy.student, other), 1.0);
        p.iter().zip(&q).map(|(p, q)| p * (p / q).ln()).sum::<f64>()
    });
    vec![
        ("L3", hard.sum::<f64>() / 7.0),
        ("L4", over(&labelled, &soft)),
        ("L5", over(&labelled, &layers)),
        ("L6", over(&toy.both_sides(), &soft)),
        ("L7", over(&toy.both_sides(), &layers)),
        ("L8", divergence.sum::<f64>() / 3.0),
    ]
}

fn agree(what: &str, found: f64, expected: f64) {
    let bound = 1e-6 * expected.abs().max(1.0);
    assert!(
        (found - expected).abs() <= bound,
        "{what}: {found} {expected}"
    );
}

/// Seven labelled texts, six unlabelled in three pairs; pooled and every token, with the
/// projections of the teacher's head and with joint ones of unit rows.
#[test]
fn every_term_of_a_step_equals_its_plain_formula_under_every_option() {
    for (tokens, in_head) in [(false, true), (true, true), (false, false), (true, false)] {
        let case = Case { tokens, in_head };
        let mut toy = Toy::new(in_head);
        let widths = [EMBEDDING, CHANNELS, CHANNELS];
        let named = widths
            .iter()
            .enumerate()
            .map(|(k, &width)| (format!("levels.{k}"), 16, width));
        let named: Vec<(String, usize, usize)> = named.collect();
        let device = toy.device();
        let maps = || Maps::with_unit_rows(&named, 9, &device).expect("maps");
        let mut projection = match in_head {
            true => LevelProjection::None,
            false => LevelProjection::Teacher(maps()),
        };
        let (terms, whole) = terms(case, &mut toy, &mut projection);
        let maps = (!in_head).then(maps);
        let expected = expected(case, &toy, maps.as_ref().map(Maps::parameters));
        let mut sum = 0.0;
        for (term, (name, value)) in terms.iter().zip(&expected) {
            assert_eq!(term.name, *name);
            let found = term.value.tensor().read_f64().expect("a number")[0];
            agree(&format!("{case:?} {name}"), found, *value);
            sum += f64::from(term.weight) * value;
        }
        assert_eq!(terms.len(), expected.len());
        agree(&format!("{case:?} total"), whole, sum);
    }
}
