//! Losses unit by unit, against double loops in f64.

use limbeck_engine::{Device, Packed, Tape, Var};
use limbeck_kernels::{Normaliser, closer_rows, weighted_mean};
use limbeck_losses::{Difference, NO_TRUTH, Transfer, Units};

const HEIGHT: usize = 5;
const WIDTH: usize = 7;
const UNITS: usize = HEIGHT * WIDTH;
const CLASSES: usize = 3;
const TEMPERATURE: f64 = 2.0;

/// Scores that look like chance, exact in f32.
fn scores(salt: usize) -> Vec<f32> {
    (0..UNITS * CLASSES)
        .map(|i| ((i * (31 + 6 * salt) + salt) % 41) as f32 / 8.0 - 2.5)
        .collect()
}

/// Teacher and student; every fourth unit has the same scores from both.
fn both() -> [Vec<f32>; 2] {
    let (teacher, mut student) = (scores(1), scores(2));
    for unit in (0..UNITS).step_by(4) {
        let row = unit * CLASSES..(unit + 1) * CLASSES;
        student[row.clone()].copy_from_slice(&teacher[row]);
    }
    [teacher, student]
}

/// Every sixth unit has no truth.
fn labels() -> Vec<u32> {
    (0..UNITS)
        .map(|unit| match unit % 6 {
            5 => NO_TRUTH,
            _ => (unit * unit % CLASSES) as u32,
        })
        .collect()
}

fn softmax(row: &[f32], temperature: f64) -> Vec<f64> {
    let powers: Vec<f64> = row
        .iter()
        .map(|&z| (f64::from(z) / temperature).exp())
        .collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|p| p / sum).collect()
}

/// ℓ of one unit, straight from its definition.
fn plain(difference: Difference, row: &[f32], label: u32) -> f64 {
    let p = softmax(row, 1.0);
    let truth = |class: usize| f64::from(u8::from(class == label as usize));
    let ln_sigmoid = |z: f64| -(1.0 + (-z).exp()).ln();
    let classes = p.iter().enumerate();
    match difference {
        Difference::CrossEntropy => -p[label as usize].ln(),
        Difference::BinaryCrossEntropy => row
            .iter()
            .enumerate()
            .map(|(c, &z)| match truth(c) > 0.0 {
                true => -ln_sigmoid(f64::from(z)),
                false => -ln_sigmoid(-f64::from(z)),
            })
            .sum(),
        Difference::L1 => classes.map(|(c, p)| (p - truth(c)).abs()).sum(),
        Difference::L2 => classes.map(|(c, p)| (p - truth(c)).powi(2)).sum(),
        Difference::ZeroOne => {
            let best = (0..CLASSES).fold(0, |best, c| if row[c] > row[best] { c } else { best });
            f64::from(u8::from(best != label as usize))
        }
    }
}

const DIFFERENCES: [Difference; 5] = [
    Difference::CrossEntropy,
    Difference::BinaryCrossEntropy,
    Difference::L1,
    Difference::L2,
    Difference::ZeroOne,
];

fn constant(tape: &Tape, scores: &[f32]) -> Var {
    let shape = [scores.len() / CLASSES, CLASSES];
    tape.constant(tape.device().real(scores, shape).expect("fits"))
}

fn watched(tape: &Tape, scores: &[f32]) -> Var {
    let shape = [scores.len() / CLASSES, CLASSES];
    tape.watched(tape.device().real(scores, shape).expect("fits"))
}

#[test]
fn the_mask_is_that_of_a_double_loop_over_rows_and_columns() {
    let ([teacher, student], labels) = (both(), labels());
    for difference in DIFFERENCES {
        let tape = Tape::deterministic(&Device::reference());
        let units = Units::of_rows(&tape, &labels).expect("units");
        let of = |scores: &[f32]| {
            let scores = constant(&tape, scores);
            units.differences(&tape, &scores, difference).expect("fits")
        };
        let mask = closer_rows(&tape, &of(&teacher), &of(&student), units.valid(), 0.0);
        let mask = mask.expect("a mask").tensor().read().expect("numbers");
        let (mut ties, mut selected) = (0, 0);
        for row in 0..HEIGHT {
            for column in 0..WIDTH {
                let unit = row * WIDTH + column;
                let of = |scores: &[f32]| {
                    let scores = &scores[unit * CLASSES..(unit + 1) * CLASSES];
                    plain(difference, scores, labels[unit])
                };
                let expected = labels[unit] != NO_TRUTH && of(&teacher) < of(&student);
                assert_eq!(
                    mask[unit] == 1.0,
                    expected,
                    "{difference:?} at {row}, {column}"
                );
                ties += usize::from(labels[unit] != NO_TRUTH && of(&teacher) == of(&student));
                selected += usize::from(expected);
            }
        }
        assert!(
            ties >= 5 && selected >= 3,
            "{difference:?}: {ties} {selected}"
        );
    }
}

#[test]
fn differences_are_those_of_their_definitions() {
    let ([teacher, _], labels) = (both(), labels());
    for difference in DIFFERENCES {
        let tape = Tape::deterministic(&Device::reference());
        let units = Units::of_rows(&tape, &labels).expect("units");
        let found = units.differences(&tape, &constant(&tape, &teacher), difference);
        let found = found.expect("fits").tensor().read_f64().expect("numbers");
        for (unit, &label) in labels.iter().enumerate().filter(|(_, l)| **l != NO_TRUTH) {
            let row = &teacher[unit * CLASSES..(unit + 1) * CLASSES];
            let expected = plain(difference, row, label);
            // In f64; the scores are exact in f32.
            assert!(
                (found[unit] - expected).abs() < 1e-9,
                "{difference:?} {unit}"
            );
        }
        assert_eq!(
            units.count(),
            labels.iter().filter(|l| **l != NO_TRUTH).count()
        );
    }
}

/// Value of the term, and its gradient for the student's scores.
fn handed_on(kind: Transfer, mask: &[f32], normaliser: Normaliser) -> (f64, Vec<f64>) {
    let ([teacher, student], labels) = (both(), labels());
    let device = Device::reference();
    let tape = Tape::deterministic(&device);
    let units = Units::of_rows(&tape, &labels).expect("units");
    let (teacher, student) = (watched(&tape, &teacher), watched(&tape, &student));
    let mask = tape.watched(device.real(mask, [UNITS]).expect("fits"));
    let kind = (kind, TEMPERATURE as f32);
    let scores = [&teacher, &student];
    let value = units
        .transfer(&tape, scores, kind, &mask, normaliser)
        .expect("fits");
    let one = device.real(&[1.0], [1]).expect("fits");
    let gradients = tape.gradients(vec![(&value, one)]).expect("gradients");
    let read = |number: usize| gradients[number].read_f64().expect("numbers");
    // Neither teacher nor mask learns.
    assert!(read(0).iter().chain(&read(2)).all(|g| *g == 0.0));
    (value.tensor().item().expect("a number"), read(1))
}

#[test]
fn what_is_handed_on_reaches_selected_units_alone() {
    let mask: Vec<f32> = (0..UNITS).map(|unit| f32::from(unit % 3 == 1)).collect();
    let selected = mask.iter().filter(|m| **m > 0.0).count() as f64;
    let [teacher, student] = both();
    let row = |scores: &[f32], unit: usize| scores[unit * CLASSES..][..CLASSES].to_vec();
    let (value, gradient) = handed_on(Transfer::Kl, &mask, Normaliser::Weights);
    let mut expected = 0.0;
    for unit in 0..UNITS {
        let p = softmax(&row(&teacher, unit), TEMPERATURE);
        let q = softmax(&row(&student, unit), TEMPERATURE);
        let kl: f64 = p.iter().zip(&q).map(|(p, q)| p * (p / q).ln()).sum();
        expected += f64::from(mask[unit]) * TEMPERATURE * TEMPERATURE * kl / selected;
        for class in 0..CLASSES {
            let found = gradient[unit * CLASSES + class];
            let slope = TEMPERATURE * (q[class] - p[class]) / selected;
            match mask[unit] > 0.0 {
                // In f64; the scores are exact in f32.
                true => assert!((found - slope).abs() < 1e-9, "unit {unit}"),
                false => assert_eq!(found, 0.0, "unit {unit}"),
            }
        }
    }
    assert!((value - expected).abs() < 1e-9, "{value} {expected}");
    for kind in [Transfer::BinaryCrossEntropy, Transfer::L1, Transfer::L2] {
        let (_, gradient) = handed_on(kind, &mask, Normaliser::Weights);
        for (unit, gradient) in gradient.chunks(CLASSES).enumerate() {
            let equal = unit % 4 == 0;
            let moves = gradient.iter().any(|g| g.abs() > 1e-12);
            assert!(!moves || mask[unit] > 0.0, "{kind:?}, unit {unit}");
            // Where both say the same there is nothing to hand on.
            assert!(moves || equal || mask[unit] == 0.0, "{kind:?}, unit {unit}");
        }
    }
}

#[test]
fn the_term_fades_with_the_units_where_it_is_divided_by_all() {
    let mask: Vec<f32> = (0..UNITS).map(|unit| f32::from(unit % 5 == 1)).collect();
    let selected = mask.iter().filter(|m| **m > 0.0).count() as f64;
    let (own, _) = handed_on(Transfer::L2, &mask, Normaliser::Weights);
    let (all, _) = handed_on(Transfer::L2, &mask, Normaliser::Count(UNITS as f32));
    assert!((all - own * selected / UNITS as f64).abs() < 1e-9);
    let (nothing, gradient) = handed_on(Transfer::Kl, &[0.0; UNITS], Normaliser::Weights);
    assert_eq!(nothing, 0.0);
    assert!(gradient.iter().all(|g| *g == 0.0));
}

#[test]
fn a_segment_has_the_loss_of_all_paths_behind_a_blank() {
    let frames = segments_of(3);
    let device = Device::reference();
    let tape = Tape::deterministic(&device);
    let packed = Packed::new(&device, &[2, 3], 0).expect("lengths");
    let units = Units::of_segments(&tape, &[2, 1], &packed).expect("units");
    let frames_var = constant(&tape, &frames);
    let found = units
        .differences(&tape, &frames_var, Difference::CrossEntropy)
        .expect("fits");
    let found = found.tensor().read_f64().expect("numbers");
    let p = written(&frames);
    assert!((found[0] + p[0][1].ln()).abs() < 1e-9);
    assert!((found[1] + p[1][0].ln()).abs() < 1e-9);
    let zero_one = units
        .differences(&tape, &frames_var, Difference::ZeroOne)
        .expect("fits");
    assert_eq!(zero_one.shape().dims(), &[2]);
    let short = Packed::new(&device, &[4, 1], 0).expect("lengths");
    assert!(Units::of_segments(&tape, &[2, 1], &short).is_err());
}

#[test]
fn a_segment_hands_on_how_probable_its_words_are() {
    let (frames, others) = (segments_of(3), segments_of(4));
    let device = Device::reference();
    let tape = Tape::deterministic(&device);
    let packed = Packed::new(&device, &[2, 3], 0).expect("lengths");
    let units = Units::of_segments(&tape, &[2, 1], &packed).expect("units");
    // The second segment alone is selected.
    let mask = tape.constant(device.real(&[0.0, 1.0], [2]).expect("fits"));
    let scores = [&constant(&tape, &others), &constant(&tape, &frames)];
    let handed_on = |kind| units.transfer(&tape, scores, (kind, 2.0), &mask, Normaliser::Weights);
    let value = handed_on(Transfer::Kl).expect("fits").tensor().item();
    let softened = |frames: &[f32]| -> Vec<f64> {
        let roots: Vec<f64> = written(frames)[1].iter().map(|p| p.sqrt()).collect();
        let sum: f64 = roots.iter().sum();
        roots.iter().map(|root| root / sum).collect()
    };
    let (p, q) = (softened(&others), softened(&frames));
    let kl: f64 = p.iter().zip(&q).map(|(p, q)| p * (p / q).ln()).sum();
    assert!((value.expect("a number") - 4.0 * kl).abs() < 1e-9);
    // Words are no binary maps.
    assert!(handed_on(Transfer::BinaryCrossEntropy).is_err());
}

#[test]
fn the_probable_words_weigh_most() {
    // A blank, then three words of which the teacher is sure of one and the student of none: with two
    // words the divergence could not tell a probability from its inverse.
    let classes = 4;
    let frames = |word: [f32; 4]| [[9.0, -9.0, -9.0, -9.0], word].concat();
    let (teacher, student) = (frames([-9.0, 3.0, 1.0, 0.0]), frames([-9.0, 0.0, 0.0, 0.0]));
    let device = Device::reference();
    let tape = Tape::deterministic(&device);
    let packed = Packed::new(&device, &[2], 0).expect("lengths");
    let units = Units::of_segments(&tape, &[1], &packed).expect("units");
    let of = |scores: &[f32]| tape.constant(device.real(scores, [2, classes]).expect("fits"));
    let scores = [&of(&teacher), &of(&student)];
    let kind = (Transfer::Kl, 1.0);
    let value = units
        .transfer(&tape, scores, kind, units.valid(), Normaliser::Weights)
        .expect("fits");
    let p = softmax(&[3.0, 1.0, 0.0], 1.0);
    let kl: f64 = p.iter().map(|p| p * (3.0 * p).ln()).sum();
    assert!((value.tensor().item().expect("a number") - kl).abs() < 1e-9);
}

#[test]
fn where_a_word_stands_in_its_segment_is_not_handed_on() {
    // The same word in another frame: the first frame is blank in both.
    let (blank, word) = ([9.0, -9.0, -9.0], [-9.0, 9.0, -9.0]);
    let early: Vec<f32> = [blank, word, blank, blank].concat();
    let late: Vec<f32> = [blank, blank, blank, word].concat();
    let device = Device::cpu();
    let tape = Tape::deterministic(&device);
    let packed = Packed::new(&device, &[4], 0).expect("lengths");
    let units = Units::of_segments(&tape, &[1], &packed).expect("units");
    let (teacher, student) = (constant(&tape, &early), watched(&tape, &late));
    let kind = (Transfer::Kl, 1.0);
    let value = units
        .transfer(
            &tape,
            [&teacher, &student],
            kind,
            units.valid(),
            Normaliser::Weights,
        )
        .expect("fits");
    assert!(value.tensor().item().expect("a number").abs() < 1e-4);
    let one = device.real(&[1.0], [1]).expect("fits");
    let gradients = tape.gradients(vec![(&value, one)]).expect("gradients");
    let gradient = gradients[0].read().expect("numbers");
    assert!(gradient.iter().all(|g| g.abs() < 1e-4), "{gradient:?}");
}

/// Scores of two segments, of 2 and 3 frames; class 0 is the blank.
fn segments_of(salt: usize) -> Vec<f32> {
    scores(salt)[..5 * CLASSES].to_vec()
}

/// The probability that each of them writes each word, path by path.
fn written(frames: &[f32]) -> [Vec<f64>; 2] {
    let p: Vec<Vec<f64>> = frames
        .chunks(CLASSES)
        .map(|row| softmax(row, 1.0))
        .collect();
    // Of two frames: blank c alone.
    let two = (1..CLASSES).map(|c| p[0][0] * p[1][c]);
    // Of three: a blank, then c blank, blank c, or c c.
    let three = (1..CLASSES).map(|c| {
        let (b, y) = (|t: usize| p[2 + t][0], |t: usize| p[2 + t][c]);
        b(0) * (y(1) * b(2) + b(1) * y(2) + y(1) * y(2))
    });
    [two.collect(), three.collect()]
}

#[test]
fn units_without_truth_count_nowhere() {
    let device = Device::cpu();
    let tape = Tape::deterministic(&device);
    let labels = [NO_TRUTH, 1];
    let units = Units::of_rows(&tape, &labels).expect("units");
    let scores = watched(&tape, &[9.0, -9.0, 0.0, 0.5, 0.25, -1.0]);
    let rows = units
        .differences(&tape, &scores, Difference::CrossEntropy)
        .expect("fits");
    let mean = weighted_mean(&tape, &rows, Some(units.valid()), Normaliser::Weights);
    let mean = mean.expect("a mean");
    let one = device.real(&[1.0], [1]).expect("fits");
    let gradients = tape.gradients(vec![(&mean, one)]).expect("gradients");
    let gradient = gradients[0].read().expect("numbers");
    assert_eq!(gradient[..3], [0.0; 3]);
    assert!(gradient[3..].iter().all(|g| *g != 0.0));
}
