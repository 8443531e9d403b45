//! The losses of `layerwise` against plain loops, in f64: acceptance criteria A1 and A3.

use limbeck_engine::{Device, Packed, Stream, Tape, Tensor, Var};
use limbeck_losses::layerwise::{FeatureNorm, layer_matching, token_matching};
use limbeck_losses::{
    Consistency, Direction, LearningSide, Term, consistency, hard_cross_entropy,
    soft_cross_entropy, total,
};

const CLASSES: usize = 4;
const LITERAL: Consistency = Consistency {
    direction: Direction::OriginalToAugmented,
    learns: LearningSide::Both,
    sharpening: 1.0,
    confidence: None,
};

/// Reproducible normal numbers, `rows` of `columns`.
fn draw(name: &str, rows: usize, columns: usize) -> Vec<Vec<f64>> {
    let stream = Stream::new(5, name, 0);
    let number = |r: usize, c: usize| f64::from(stream.normal(r as u32, c as u32) as f32);
    (0..rows)
        .map(|r| (0..columns).map(|c| number(r, c)).collect())
        .collect()
}

fn upload(device: &Device, rows: &[Vec<f64>]) -> Tensor {
    device
        .real_f64(&rows.concat(), [rows.len(), rows[0].len()])
        .expect("the reference device")
}

fn softmax(z: &[f64], temperature: f64) -> Vec<f64> {
    let powers: Vec<f64> = z.iter().map(|z| (z / temperature).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|p| p / sum).collect()
}

fn plain_kl(p: &[f64], q: &[f64]) -> f64 {
    p.iter().zip(q).map(|(p, q)| p * (p.ln() - q.ln())).sum()
}

fn plain_soft(teacher: &[f64], student: &[f64], temperature: f64) -> f64 {
    let (p, q) = (softmax(teacher, temperature), softmax(student, temperature));
    let cross: f64 = p.iter().zip(&q).map(|(p, q)| -p * q.ln()).sum();
    temperature * temperature * cross
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

fn value(var: &Var) -> f64 {
    var.tensor().item().expect("a scalar")
}

fn agree(found: f64, expected: f64) {
    assert!(
        (found - expected).abs() <= 1e-6 * expected.abs().max(1.0),
        "{found} {expected}"
    );
}

/// A3: seven labelled texts, six unlabelled in three pairs, two levels of width 3.
#[test]
fn every_term_equals_its_plain_formula_and_the_total_their_weighted_sum() {
    let device = Device::reference();
    let tape = Tape::deterministic(&device);
    let labels = [0u32, 3, 1, 2, 0, 1, 3];
    let (student, teacher) = (draw("student", 7, CLASSES), draw("teacher", 7, CLASSES));
    let (student_u, teacher_u) = (draw("student u", 6, CLASSES), draw("teacher u", 6, CLASSES));
    let features = |name: &str, rows| {
        [
            draw(&format!("{name} 1"), rows, 3),
            draw(&format!("{name} 2"), rows, 3),
        ]
    };
    let (f, g, f_u, g_u) = (
        features("f", 7),
        features("g", 7),
        features("f u", 6),
        features("g u", 6),
    );
    let constant = |rows: &[Vec<f64>]| tape.constant(upload(&device, rows));
    let levels = |rows: &[Vec<Vec<f64>>; 2]| rows.iter().map(|r| constant(r)).collect::<Vec<_>>();

    let l3 = hard_cross_entropy(&tape, &constant(&student), &labels).expect("L3");
    let expected_3 = mean((0..7).map(|i| -softmax(&student[i], 1.0)[labels[i] as usize].ln()));
    agree(value(&l3), expected_3);

    let l4 = soft_cross_entropy(&tape, &constant(&student), &constant(&teacher), 2.0).expect("L4");
    let expected_4 = mean((0..7).map(|i| plain_soft(&teacher[i], &student[i], 2.0)));
    agree(value(&l4), expected_4);

    let plain_layers = |f: &[Vec<Vec<f64>>; 2], g: &[Vec<Vec<f64>>; 2], rows: usize| {
        let mut sum = 0.0;
        for (f, g) in f.iter().zip(g) {
            for (f, g) in f.iter().zip(g) {
                sum += mean(f.iter().zip(g).map(|(f, g)| (f - g).powi(2)));
            }
        }
        sum / (rows * 2) as f64
    };
    let matching =
        |g: &_, f: &_| layer_matching(&tape, &levels(g), &levels(f), FeatureNorm::None, false);
    let (l5, l7) = (
        matching(&g, &f).expect("L5"),
        matching(&g_u, &f_u).expect("L7"),
    );
    agree(value(&l5), plain_layers(&f, &g, 7));
    agree(value(&l7), plain_layers(&f_u, &g_u, 6));

    let l6 =
        soft_cross_entropy(&tape, &constant(&student_u), &constant(&teacher_u), 2.0).expect("L6");
    agree(
        value(&l6),
        mean((0..6).map(|u| plain_soft(&teacher_u[u], &student_u[u], 2.0))),
    );

    let (original, augmented) = (constant(&student_u[..3]), constant(&student_u[3..]));
    let l8 = consistency(&tape, &original, &augmented, LITERAL).expect("L8");
    let one = |j: usize| {
        plain_kl(
            &softmax(&student_u[j], 1.0),
            &softmax(&student_u[j + 3], 1.0),
        )
    };
    agree(value(&l8), mean((0..3).map(one)));

    let weights = [0.5, 1.0, 0.3, 1.0, 0.25, 0.5];
    let values = [l3, l4, l5, l6, l7, l8];
    let names = ["L3", "L4", "L5", "L6", "L7", "L8"];
    let expected: f64 = values
        .iter()
        .zip(weights)
        .map(|(v, w)| value(v) * f64::from(w))
        .sum();
    let terms: Vec<Term> = names
        .into_iter()
        .zip(values)
        .zip(weights)
        .map(|((name, value), weight)| Term::new(name, value, weight))
        .collect();
    agree(value(&total(&tape, &terms).expect("the total")), expected);
}

/// A3 with tokens matched: seven texts of one to five tokens, two levels of width 3. Every text
/// counts the same, however long it is.
#[test]
fn tokens_are_averaged_over_their_text_before_texts_are() {
    let device = Device::reference();
    let tape = Tape::deterministic(&device);
    let lengths = [3, 1, 5, 2, 4, 1, 2];
    let packed = Packed::new(&device, &lengths, 0).expect("texts");
    let rows = lengths.iter().sum();
    let side = |name: &str| [1, 2].map(|level| draw(&format!("{name} {level}"), rows, 3));
    let (f, g) = (side("f"), side("g"));
    let vars = |side: &[Vec<Vec<f64>>; 2]| {
        let constant = |rows: &Vec<Vec<f64>>| tape.constant(upload(&device, rows));
        side.iter().map(constant).collect::<Vec<_>>()
    };
    let unit = |v: &[f64]| {
        let length = v.iter().map(|x| x * x).sum::<f64>().sqrt();
        v.iter().map(|x| x / length).collect::<Vec<_>>()
    };
    for norm in [FeatureNorm::None, FeatureNorm::L2] {
        let as_compared = |v: &[f64]| match norm {
            FeatureNorm::L2 => unit(v),
            _ => v.to_vec(),
        };
        let mut expected = 0.0;
        for (f, g) in f.iter().zip(&g) {
            let mut first = 0;
            for length in lengths {
                let at = |t: usize| {
                    let (f, g) = (as_compared(&f[t]), as_compared(&g[t]));
                    mean(f.iter().zip(&g).map(|(f, g)| (f - g).powi(2)))
                };
                expected += mean((first..first + length).map(at)) / (2 * lengths.len()) as f64;
                first += length;
            }
        }
        let found = token_matching(&tape, &vars(&g), &vars(&f), &packed, norm, false);
        agree(value(&found.expect("a loss")), expected);
    }
}

/// A1, first part: identical pairs agree exactly, in every direction.
#[test]
fn identical_pairs_cost_exactly_nothing() {
    for device in [Device::reference(), Device::cpu()] {
        let tape = Tape::inference(&device);
        let logits = tape.constant(upload(&device, &draw("pairs", 3, CLASSES)));
        for direction in [
            Direction::OriginalToAugmented,
            Direction::AugmentedToOriginal,
            Direction::Symmetric,
            Direction::JensenShannon,
        ] {
            let options = Consistency {
                direction,
                ..LITERAL
            };
            let loss = consistency(&tape, &logits, &logits, options).expect("a loss");
            // The mean of two equal probabilities, halved and added, may round.
            let bound = if direction == Direction::JensenShannon {
                1e-6
            } else {
                0.0
            };
            assert!(
                value(&loss).abs() <= bound,
                "{direction:?}: {}",
                value(&loss)
            );
        }
    }
}

/// A1, second part: two fixed distributions, (3/4, 1/4) and (1/2, 1/2), in nats.
#[test]
fn directions_differ_as_their_formulas_do() {
    let device = Device::reference();
    let tape = Tape::inference(&device);
    let p = tape.constant(device.real_f64(&[3f64.ln(), 0.0], [1, 2]).expect("p"));
    let q = tape.constant(device.real_f64(&[0.0, 0.0], [1, 2]).expect("q"));
    let (half, quarter, three) = (0.5f64, 0.25f64, 0.75f64);
    let forward = three * (three / half).ln() + quarter * (quarter / half).ln();
    let backward = half * (half / three).ln() + half * (half / quarter).ln();
    let m = [0.625f64, 0.375];
    let js = 0.5 * (three * (three / m[0]).ln() + quarter * (quarter / m[1]).ln())
        + 0.5 * (half * (half / m[0]).ln() + half * (half / m[1]).ln());
    assert!((forward - backward).abs() > 0.01);
    for (direction, expected) in [
        (Direction::OriginalToAugmented, forward),
        (Direction::AugmentedToOriginal, backward),
        (Direction::Symmetric, 0.5 * (forward + backward)),
        (Direction::JensenShannon, js),
    ] {
        let loss = consistency(
            &tape,
            &p,
            &q,
            Consistency {
                direction,
                ..LITERAL
            },
        )
        .expect("a loss");
        // Inputs are exact in f64; only the sums round.
        assert!((value(&loss) - expected).abs() < 1e-12, "{direction:?}");
    }
}

fn gradients(options: Consistency) -> [f64; 2] {
    let device = Device::reference();
    let tape = Tape::deterministic(&device);
    let original = tape.watched(upload(&device, &draw("original", 3, CLASSES)));
    let augmented = tape.watched(upload(&device, &draw("augmented", 3, CLASSES)));
    let loss = consistency(&tape, &original, &augmented, options).expect("a loss");
    let one = device.real(&[1.0], [1]).expect("a seed");
    let read = tape.gradients(vec![(&loss, one)]).expect("gradients");
    let size = |tensor: &Tensor| {
        let values = tensor.read_f64().expect("numbers");
        values.iter().map(|v| v.abs()).sum::<f64>()
    };
    [size(&read[0]), size(&read[1])]
}

/// A1, third part: with the augmented side learning alone, dL2/dz(original) is zero.
#[test]
fn only_the_augmented_side_learns_when_asked() {
    for direction in [
        Direction::OriginalToAugmented,
        Direction::Symmetric,
        Direction::JensenShannon,
    ] {
        let both = gradients(Consistency {
            direction,
            ..LITERAL
        });
        assert!(both[0] > 1e-3 && both[1] > 1e-3, "{direction:?} {both:?}");
        let learns = LearningSide::Augmented;
        let one = gradients(Consistency {
            direction,
            learns,
            ..LITERAL
        });
        assert!(one[0] == 0.0 && one[1] > 1e-3, "{direction:?} {one:?}");
    }
}

/// The confidence mask removes pairs, and the mean is still over all of them.
#[test]
fn unconfident_pairs_count_as_zero() {
    let device = Device::reference();
    let tape = Tape::inference(&device);
    let original = vec![vec![5.0, 0.0, 0.0, 0.0], vec![0.1, 0.0, 0.0, 0.0]];
    let augmented = draw("other", 2, CLASSES);
    let upload = |rows: &[Vec<f64>]| tape.constant(upload(&device, rows));
    let options = Consistency {
        confidence: Some(0.8),
        ..LITERAL
    };
    let loss =
        consistency(&tape, &upload(&original), &upload(&augmented), options).expect("a loss");
    let first = plain_kl(&softmax(&original[0], 1.0), &softmax(&augmented[0], 1.0));
    agree(value(&loss), first / 2.0);
}

/// No gradient reaches the teacher through H_τ, and the student's is that of KL_τ.
#[test]
fn soft_labels_teach_the_student_alone() {
    let device = Device::reference();
    let tape = Tape::deterministic(&device);
    let (teacher, student) = (draw("t", 2, CLASSES), draw("s", 2, CLASSES));
    let teacher_var = tape.watched(upload(&device, &teacher));
    let student_var = tape.watched(upload(&device, &student));
    let loss = soft_cross_entropy(&tape, &student_var, &teacher_var, 3.0).expect("a loss");
    let one = device.real(&[1.0], [1]).expect("a seed");
    let read = tape.gradients(vec![(&loss, one)]).expect("gradients");
    assert!(
        read[0]
            .read_f64()
            .expect("numbers")
            .iter()
            .all(|g| *g == 0.0)
    );
    let found = read[1].read_f64().expect("numbers");
    for i in 0..2 {
        let (p, q) = (softmax(&teacher[i], 3.0), softmax(&student[i], 3.0));
        for c in 0..CLASSES {
            // d/dz of τ² KL at temperature τ is τ (q - p), divided by two samples.
            agree(found[i * CLASSES + c], 3.0 * (q[c] - p[c]) / 2.0);
        }
    }
}
