//! The conditional random field against a sum over every path, and what lies beyond the case table:
//! large scores, decoding, and what is refused.

use limbeck_engine::{Device, Packed, Result, Stream, Tape};
use limbeck_kernels::{Labels, crf, marginals, viterbi};

/// Numbers that f32 holds, the same in every run.
fn draw(name: &str, count: usize, scale: f64) -> Vec<f32> {
    let stream = Stream::new(3, name, 0);
    (0..count as u32)
        .map(|i| (scale * stream.normal(i, 0)) as f32)
        .collect()
}

/// All paths of this length.
fn paths(length: usize, tags: usize) -> impl Iterator<Item = Vec<usize>> {
    (0..tags.pow(length as u32)).map(move |number| {
        let digit = |t: usize| number / tags.pow((length - 1 - t) as u32) % tags;
        (0..length).map(digit).collect()
    })
}

fn score(path: &[usize], emissions: &[f32], transitions: &[f32], tags: usize) -> f64 {
    let step = |a: usize, b: usize| f64::from(transitions[a * tags + b]);
    let mut score = step(tags, path[0]) + step(tags + 1, path[path.len() - 1]);
    for (t, &tag) in path.iter().enumerate() {
        score += f64::from(emissions[t * tags + tag]);
    }
    score
        + path
            .windows(2)
            .map(|pair| step(pair[0], pair[1]))
            .sum::<f64>()
}

/// What a sum over every path says of one sequence.
struct ByHand {
    loss: f64,
    marginals: Vec<f64>,
    /// The first of the paths with the highest score.
    best: Vec<usize>,
    /// Expected number of each step less its number in the true path, `[tags + 2, tags]`.
    steps: Vec<f64>,
}

fn by_hand(emissions: &[f32], transitions: &[f32], tags: usize, truth: &[usize]) -> ByHand {
    let length = truth.len();
    let score = |path: &[usize]| score(path, emissions, transitions, tags);
    let z: f64 = paths(length, tags).map(|path| score(&path).exp()).sum();
    let mut found = ByHand {
        loss: z.ln() - score(truth),
        marginals: vec![0.0; length * tags],
        best: vec![0; length],
        steps: vec![0.0; (tags + 2) * tags],
    };
    let mut count = |path: &[usize], weight: f64| {
        found.steps[tags * tags + path[0]] += weight;
        found.steps[(tags + 1) * tags + path[length - 1]] += weight;
        for pair in path.windows(2) {
            found.steps[pair[0] * tags + pair[1]] += weight;
        }
    };
    count(truth, -1.0);
    for path in paths(length, tags) {
        let p = score(&path).exp() / z;
        count(&path, p);
        for (t, &tag) in path.iter().enumerate() {
            found.marginals[t * tags + tag] += p;
        }
    }
    for path in paths(length, tags) {
        if score(&path) > score(&found.best) {
            found.best = path;
        }
    }
    found
}

fn assert_close(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!(
            (a - b).abs() <= tolerance * b.abs().max(1.0),
            "{what} {i}: {a} and {b}"
        );
    }
}

#[test]
fn it_is_the_sum_over_every_path() -> Result<()> {
    for (length, tags) in [(1, 1), (1, 3), (2, 2), (3, 3), (5, 2), (5, 3)] {
        let name = format!("{length} x {tags}");
        let emissions = draw(&format!("e {name}"), length * tags, 1.5);
        let transitions = draw(&format!("T {name}"), (tags + 2) * tags, 1.5);
        let truth: Vec<usize> = (0..length).map(|t| t * t % tags).collect();
        let expected = by_hand(&emissions, &transitions, tags, &truth);
        let p = marginals(&emissions, &transitions, tags)?;
        assert_close(&name, &p, &expected.marginals, 1e-12);
        let path = viterbi(&emissions, &transitions, tags)?;
        let path: Vec<usize> = path.into_iter().map(|tag| tag as usize).collect();
        assert_eq!(path, expected.best, "{name}");
        for (device, tolerance) in [(Device::reference(), 1e-12), (Device::cpu(), 1e-6)] {
            let tape = Tape::deterministic(&device);
            let packed = Packed::new(&device, &[length], 0)?;
            let labels: Vec<u32> = truth.iter().map(|&tag| tag as u32).collect();
            let labels = Labels::new(&device, &labels, tags)?;
            let e = tape.watched(device.real(&emissions, [length, tags])?);
            let t = tape.watched(device.real(&transitions, [tags + 2, tags])?);
            let loss = crf(&tape, &e, &t, &packed, &labels)?;
            assert_close(
                &name,
                &loss.tensor().read_f64()?,
                &[expected.loss],
                tolerance,
            );
            let gradients = tape.gradients(vec![(&loss, device.real(&[1.0], [1])?)])?;
            let mut by_emission = expected.marginals.clone();
            truth
                .iter()
                .enumerate()
                .for_each(|(t, tag)| by_emission[t * tags + tag] -= 1.0);
            assert_close(&name, &gradients[0].read_f64()?, &by_emission, tolerance);
            assert_close(&name, &gradients[1].read_f64()?, &expected.steps, tolerance);
        }
    }
    Ok(())
}

#[test]
fn a_sequence_does_not_know_its_neighbours() -> Result<()> {
    let device = Device::cpu();
    let (lengths, tags) = ([3, 1, 4], 5);
    let (emissions, transitions) = (draw("e", 8 * tags, 1.0), draw("T", 7 * tags, 1.0));
    let truth: Vec<u32> = (0..8).map(|row| row * 3 % 5).collect();
    let run = |rows: std::ops::Range<usize>, lengths: &[usize]| -> Result<Vec<f32>> {
        let tape = Tape::inference(&device);
        let packed = Packed::new(&device, lengths, 0)?;
        let of_rows = &emissions[rows.start * tags..rows.end * tags];
        let e = tape.constant(device.real(of_rows, [rows.len(), tags])?);
        let t = tape.constant(device.real(&transitions, [tags + 2, tags])?);
        let labels = Labels::new(&device, &truth[rows], tags)?;
        crf(&tape, &e, &t, &packed, &labels)?.tensor().read()
    };
    let alone = [run(0..3, &[3])?, run(3..4, &[1])?, run(4..8, &[4])?].concat();
    assert_eq!(run(0..8, &lengths)?, alone);
    Ok(())
}

#[test]
fn a_nan_stays_in_its_sequence_and_is_seen() -> Result<()> {
    for device in [Device::reference(), Device::cpu()] {
        let tape = Tape::inference(&device);
        let packed = Packed::new(&device, &[3, 2], 0)?;
        let mut emissions = draw("e", 10, 1.0);
        emissions[2] = f32::NAN;
        let e = tape.constant(device.real(&emissions, [5, 2])?);
        let t = tape.constant(device.real(&draw("T", 8, 1.0), [4, 2])?);
        let labels = Labels::new(&device, &[1, 1, 0, 1, 0], 2)?;
        let found = crf(&tape, &e, &t, &packed, &labels)?.tensor().read()?;
        assert!(found[0].is_nan() && found[1].is_finite(), "{found:?}");
    }
    Ok(())
}

#[test]
fn large_scores_and_long_sequences_keep_their_digits() -> Result<()> {
    // With steps that all cost the same, rows are independent: the loss is a sum of cross-entropies,
    // and of ±1e4 a whole number of them. ln Z is near 1e7, where f32 has steps of 1.
    let (length, tags) = (1000, 3);
    let rows = (0..length).flat_map(|t| [1e4, -1e4, if t % 10 == 0 { 1e4 } else { 0.0 }]);
    let emissions: Vec<f32> = rows.collect();
    for device in [Device::reference(), Device::cpu()] {
        let tape = Tape::deterministic(&device);
        let packed = Packed::new(&device, &[length], 0)?;
        let labels = Labels::new(&device, &vec![0; length], tags)?;
        let e = tape.watched(device.real(&emissions, [length, tags])?);
        let t = tape.watched(device.real(&[1e4; 15], [tags + 2, tags])?);
        let loss = crf(&tape, &e, &t, &packed, &labels)?;
        // Every tenth row is a tie of two. A hundred additions, each rounded at up to 69.
        let expected = 100.0 * 2f64.ln();
        let found = loss.tensor().item()?;
        assert!(
            (found - expected).abs() < 2e-4,
            "{}: {found}",
            device.name()
        );
        let gradients = tape.gradients(vec![(&loss, device.real(&[1.0], [1])?)])?;
        let of_ties = gradients[0].read()?;
        for (t, row) in of_ties.chunks(tags).enumerate() {
            let share = if t % 10 == 0 { 0.5 } else { 0.0 };
            let close = |a: f32, b: f32| (a - b).abs() < 1e-4;
            assert!(
                close(row[0], -share) && row[1] == 0.0 && close(row[2], share),
                "{row:?}"
            );
        }
    }
    Ok(())
}

#[test]
fn of_equal_paths_the_smallest_tags_are_taken() -> Result<()> {
    assert_eq!(viterbi(&[0.0; 12], &[0.0; 15], 3)?, [0; 4]);
    // Tags 1 and 2 are alike and better than 0, and a change costs nothing.
    assert_eq!(
        viterbi(&[0.0, 1.0, 1.0, 0.0, 1.0, 1.0], &[0.0; 15], 3)?,
        [1, 1]
    );
    // The end is dear for tag 0, the beginning for tag 1.
    let transitions = [0.0, 0.0, 0.0, 0.0, 0.0, -5.0, -5.0, 0.0];
    assert_eq!(viterbi(&[0.0; 6], &transitions, 2)?, [0, 0, 1]);
    assert!(viterbi(&[], &[0.0; 15], 3)?.is_empty() && marginals(&[], &[0.0; 15], 3)?.is_empty());
    Ok(())
}

#[test]
fn what_does_not_fit_is_refused() -> Result<()> {
    let message = |emissions: usize, transitions: usize, tags: usize| {
        let (emissions, transitions) = (vec![0.0; emissions], vec![0.0; transitions]);
        let refused = viterbi(&emissions, &transitions, tags).expect_err("no such shape");
        let also = marginals(&emissions, &transitions, tags).expect_err("no such shape");
        assert_eq!(refused.to_string(), also.to_string());
        refused.to_string()
    };
    assert_eq!(message(0, 0, 0), "crf: expected at least one tag, found 0");
    assert_eq!(
        message(5, 15, 3),
        "crf: the emissions must be rows of 3 tags, found 5 numbers"
    );
    assert_eq!(
        message(6, 9, 3),
        "crf: the transitions of 3 tags must be [5, 3], found 9 numbers"
    );
    let device = Device::cpu();
    let tape = Tape::inference(&device);
    let packed = Packed::new(&device, &[2, 1], 0)?;
    let refusal = |rows: usize, transitions: [usize; 2], tags: &[u32]| -> Result<String> {
        let e = tape.constant(device.zeros([rows, 3])?);
        let t = tape.constant(device.zeros(transitions)?);
        let labels = Labels::new(&device, tags, 3)?;
        let refused = crf(&tape, &e, &t, &packed, &labels);
        Ok(refused.expect_err("does not fit").to_string())
    };
    assert_eq!(
        refusal(4, [5, 3], &[0; 4])?,
        "crf: the matrix of emissions [4, 3] has 4 rows, but the 2 sequences have 3"
    );
    assert_eq!(
        refusal(3, [3, 3], &[0; 3])?,
        "crf: the transitions must be Real [5, 3], found Real [3, 3]"
    );
    assert_eq!(
        refusal(3, [5, 3], &[0; 2])?,
        "crf: the tags must be Ids [3], found Ids [2]"
    );
    let e = tape.constant(device.zeros([3, 3])?);
    let t = tape.constant(device.zeros([5, 3])?);
    let labels = Labels::new(&device, &[0, 3, 1], 4)?;
    let refused = crf(&tape, &e, &t, &packed, &labels).expect_err("tag 3 of 3");
    assert_eq!(
        refused.to_string(),
        "crf: the labels are of 4 classes, but the logits [3, 3] have 3"
    );
    Ok(())
}
