//! Word vectors of a student that start from its teacher's table.

use limbeck_data::tokenize::Tokenizer;
use limbeck_engine::Device;
use limbeck_models::Head;
use limbeck_recipes::config::{Model, Run};
use limbeck_recipes::layerwise::{Distilled, distill};
use limbeck_recipes::text::{Encoder, TextClassifier};
use limbeck_recipes::{RunContext, RunData};
use limbeck_training::interrupt::Interrupt;

use crate::{LAYERWISE, fixture, run};

/// "warmest" has two pieces, "zebra" none; both stand in the texts more than once.
const WORDS: [(&str, &[&str]); 7] = [
    ("warm", &["warm"]),
    ("lamp", &["lamp"]),
    ("blue", &["blue"]),
    ("river", &["river"]),
    ("old", &["old"]),
    ("warmest", &["warm", "##est"]),
    ("zebra", &[]),
];

/// A run whose student of this width does not move from where it starts, and the student as drawn.
fn at_the_start(width: usize) -> (Distilled, TextClassifier) {
    let dir = format!("teacher.dir={}", fixture("bert").display());
    let (folder, run) = run(
        LAYERWISE,
        &[
            &dir,
            "distillation.projection=pca",
            "distillation.student_embeddings=teacher",
            "training.student.learning_rate=1e-30",
            &format!("student.embedding_size={width}"),
        ],
    );
    let line = |n: usize| match n % 2 {
        0 => format!("w\twarm lamp warmest{}\n", " old".repeat(n)),
        _ => format!("b\tblue river zebra{}\n", " old".repeat(n)),
    };
    let lines: String = (0..40).map(line).collect();
    std::fs::write(folder.path().join("train.tsv"), lines).expect("a file");
    let Run::Layerwise(run) = run else {
        unreachable!()
    };
    let data = RunData::read(&run.data, 1).expect("texts");
    let (device, interrupt) = (Device::cpu(), Interrupt::new());
    let mut context = RunContext::in_memory(&device, 1, &interrupt);
    let done = distill(&run, &data, &mut context).expect("distillation");
    let drawn = TextClassifier::new(
        &Model::TextCnn(run.student.clone()),
        Head::Pooled,
        done.student.encoder().clone(),
        done.student.labels(),
        1,
        &device,
    );
    (done, drawn.expect("the student"))
}

/// The table of a model, and its width.
fn table(classifier: &TextClassifier) -> (Vec<f64>, usize) {
    let store = classifier.model().parameters();
    let id = store.find("embedding.weight").expect("a table");
    let table = store.value(id);
    (table.read_f64().expect("numbers"), table.shape().columns())
}

fn row_of(classifier: &TextClassifier, word: &str) -> Vec<f64> {
    let Encoder::Tokens(tokenizer) = classifier.encoder() else {
        panic!("a student reads tokens");
    };
    let id = tokenizer.vocabulary().id(word) as usize;
    assert!(id > 1, "{word} is in the vocabulary");
    let (table, width) = table(classifier);
    table[id * width..][..width].to_vec()
}

/// The mean over the pieces of each word that has some, by the teacher's own table of tokens.
fn means(teacher: &TextClassifier) -> Vec<Vec<f64>> {
    let tokens = std::fs::read_to_string(fixture("bert").join("vocab.txt")).expect("the tokens");
    let (table, width) = table(teacher);
    let vector = |piece: &&str| {
        let id = tokens.lines().position(|token| token == *piece);
        &table[id.expect("a token") * width..][..width]
    };
    let mean = |pieces: &[&str]| -> Vec<f64> {
        let vectors: Vec<&[f64]> = pieces.iter().map(vector).collect();
        let sum = |i: usize| vectors.iter().map(|v| v[i]).sum::<f64>();
        (0..width).map(|i| sum(i) / pieces.len() as f64).collect()
    };
    let known = WORDS.iter().filter(|(_, pieces)| !pieces.is_empty());
    known.map(|(_, pieces)| mean(pieces)).collect()
}

fn rows(classifier: &TextClassifier) -> Vec<Vec<f64>> {
    let known = WORDS.iter().filter(|(_, pieces)| !pieces.is_empty());
    known.map(|(word, _)| row_of(classifier, word)).collect()
}

fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}

fn deviation<'a>(numbers: impl Iterator<Item = &'a f64> + Clone) -> f64 {
    (numbers.clone().map(|x| x * x).sum::<f64>() / numbers.count() as f64).sqrt()
}

#[test]
fn words_lie_as_their_pieces_do_on_the_scale_of_random_vectors() {
    let (done, drawn) = at_the_start(8);
    let (means, rows) = (
        means(done.teacher.as_ref().expect("a teacher")),
        rows(&done.student),
    );
    let factor = squared_distance(&rows[0], &rows[1]) / squared_distance(&means[0], &means[1]);
    for (row, mean) in rows.iter().zip(&means) {
        for (other, of_other) in rows.iter().zip(&means) {
            let expected = factor * squared_distance(mean, of_other);
            // Roundings of numbers below one.
            assert!((squared_distance(row, other) - expected).abs() < 1e-5);
        }
    }
    let (all, _) = table(&drawn);
    let ratio = deviation(rows.iter().flatten()) / deviation(all.iter());
    assert!((ratio - 1.0).abs() < 1e-4, "{ratio}");
    assert_eq!(row_of(&done.student, "zebra"), row_of(&drawn, "zebra"));
    assert_ne!(row_of(&done.student, "warm"), row_of(&drawn, "warm"));
}

/// The coordinates of principal components have means of zero and no correlation, and those that come
/// first vary most.
#[test]
fn a_narrower_student_gets_principal_components() {
    let (done, _) = at_the_start(3);
    let rows = rows(&done.student);
    let product = |i: usize, j: usize| rows.iter().map(|row| row[i] * row[j]).sum::<f64>();
    let whole: f64 = (0..3).map(|i| product(i, i)).sum();
    for i in 0..3 {
        let sum: f64 = rows.iter().map(|row| row[i]).sum();
        assert!(sum.abs() < 1e-4, "{i}: {sum}");
        for j in 0..i {
            assert!(
                product(i, j).abs() < 1e-4 * whole,
                "{i}, {j}: {}",
                product(i, j)
            );
            assert!(product(j, j) >= product(i, i));
        }
    }
}
