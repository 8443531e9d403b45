//! Connectionist temporal classification against a sum over every path, and what lies beyond the
//! case table: targets without a path, long sequences, decoding.

use limbeck_engine::{Device, Packed, Result, Stream, Tape};
use limbeck_kernels::CopySymbol::{self, Separator, Token};
use limbeck_kernels::{CtcTargets, ctc, ctc_best_copies, ctc_best_path, frames_needed};

/// Numbers that f32 holds, the same in every run.
fn draw(name: &str, count: usize) -> Vec<f32> {
    let stream = Stream::new(5, name, 0);
    (0..count as u32)
        .map(|i| 1.5 * stream.normal(i, 0) as f32)
        .collect()
}

/// All paths of classes.
fn paths(frames: usize, classes: usize) -> impl Iterator<Item = Vec<u32>> {
    (0..classes.pow(frames as u32)).map(move |number| {
        let digit = |t: usize| (number / classes.pow(t as u32) % classes) as u32;
        (0..frames).map(digit).collect()
    })
}

fn softmax(logits: &[f32]) -> Vec<f64> {
    let sum: f64 = logits.iter().map(|&z| f64::from(z).exp()).sum();
    logits.iter().map(|&z| f64::from(z).exp() / sum).collect()
}

/// Joins equal neighbours, then leaves out the blanks, which are `None`.
fn spelled<T: PartialEq + Copy>(emitted: &[Option<T>]) -> Vec<T> {
    let new = |t: &usize| *t == 0 || emitted[*t] != emitted[t - 1];
    (0..emitted.len())
        .filter(new)
        .filter_map(|t| emitted[t])
        .collect()
}

/// Loss and gradient of one sequence, from all paths that are spelled like the target; `None` if
/// there is none.
fn by_hand(
    logits: &[f32],
    classes: usize,
    spells: impl Fn(&[u32]) -> bool,
) -> Option<(f64, Vec<f64>)> {
    let y: Vec<f64> = logits.chunks(classes).flat_map(softmax).collect();
    let mut total = 0.0;
    let mut occupied = vec![0.0; y.len()];
    for path in paths(y.len() / classes, classes) {
        if !spells(&path) {
            continue;
        }
        let at = |t: usize| t * classes + path[t] as usize;
        let p: f64 = (0..path.len()).map(|t| y[at(t)]).product();
        total += p;
        (0..path.len()).for_each(|t| occupied[at(t)] += p);
    }
    let gradient = y.iter().zip(occupied).map(|(y, o)| y - o / total).collect();
    (total > 0.0).then(|| (-f64::ln(total), gradient))
}

/// Loss and gradient of one sequence on a device.
fn run(device: &Device, logits: &[f32], targets: &CtcTargets) -> Result<(f64, Vec<f64>)> {
    let tape = Tape::deterministic(device);
    let classes = targets.classes();
    let frames = logits.len() / classes;
    let packed = Packed::new(device, &[frames], 0)?;
    let z = tape.watched(device.real(logits, [frames, classes])?);
    let loss = ctc(&tape, &z, &packed, targets)?;
    let gradients = tape.gradients(vec![(&loss, device.real(&[1.0], [1])?)])?;
    Ok((loss.tensor().item()?, gradients[0].read_f64()?))
}

/// Holds both host devices to a result.
fn assert_agrees(
    what: &str,
    logits: &[f32],
    expected: &(f64, Vec<f64>),
    targets: impl Fn(&Device) -> Result<CtcTargets>,
) -> Result<()> {
    for (device, tolerance) in [(Device::reference(), 1e-12), (Device::cpu(), 1e-6)] {
        let (loss, gradient) = run(&device, logits, &targets(&device)?)?;
        let error = (loss - expected.0).abs() / expected.0.max(1.0);
        assert!(
            error <= tolerance,
            "{what} on {}: {loss}, {}",
            device.name(),
            expected.0
        );
        for (a, b) in gradient.iter().zip(&expected.1) {
            assert!(
                (a - b).abs() <= tolerance,
                "{what} on {}: {a}, {b}",
                device.name()
            );
        }
    }
    Ok(())
}

#[test]
fn it_is_the_sum_over_every_path() -> Result<()> {
    let classes = 4;
    let mut feasible = 0;
    for frames in 1..=5 {
        for length in 0..=3u32 {
            // Every target of this length.
            for target in paths(length as usize, classes - 1) {
                let target: Vec<u32> = target.iter().map(|symbol| symbol + 1).collect();
                let what = format!("{frames} frames, {target:?}");
                let logits = draw(&what, frames * classes);
                let expected = by_hand(&logits, classes, |path| {
                    let emitted: Vec<_> = path.iter().map(|&c| (c > 0).then_some(c)).collect();
                    spelled(&emitted) == target
                });
                let make = |device: &Device| {
                    CtcTargets::new(device, &[frames], std::slice::from_ref(&target), classes)
                };
                assert_eq!(
                    expected.is_some(),
                    frames_needed(&target) <= frames,
                    "{what}"
                );
                assert_eq!(expected.is_some(), make(&Device::cpu()).is_ok(), "{what}");
                if let Some(expected) = expected {
                    assert_agrees(&what, &logits, &expected, make)?;
                    feasible += 1;
                }
            }
        }
    }
    // No symbol in any number of frames; one; two that differ or not; three of one, two, three runs.
    let counted = 5 + 3 * 5 + (6 * 4 + 3 * 3) + (12 * 3 + 12 * 2 + 3);
    assert_eq!(feasible, counted, "targets with a path");
    Ok(())
}

/// What a path of blank, copy and separator emits over these tokens.
fn emitted(path: &[u32], tokens: &[u32]) -> Vec<Option<CopySymbol>> {
    let symbol = |(class, &token): (&u32, &u32)| match class {
        0 => None,
        1 => Some(Token(token)),
        _ => Some(Separator),
    };
    path.iter().zip(tokens).map(symbol).collect()
}

#[test]
fn copies_are_the_sum_over_every_path_that_spells_them() -> Result<()> {
    let alphabet = [Token(7), Token(8), Separator, Token(9)];
    let mut feasible = 0;
    for tokens in [
        vec![7],
        vec![7, 8],
        vec![8, 8, 7],
        vec![7, 8, 8, 7, 7],
        vec![9, 7, 8, 9, 7],
    ] {
        for length in 0..=3 {
            for target in paths(length, alphabet.len()) {
                let target: Vec<_> = target.iter().map(|&i| alphabet[i as usize]).collect();
                let what = format!("{tokens:?}, {target:?}");
                let logits = draw(&what, tokens.len() * 3);
                let expected = by_hand(&logits, 3, |path| {
                    spelled(&emitted(path, &tokens)) == target
                });
                let make = |device: &Device| {
                    let targets = std::slice::from_ref(&target);
                    CtcTargets::copying(device, std::slice::from_ref(&tokens), targets)
                };
                assert_eq!(expected.is_some(), make(&Device::cpu()).is_ok(), "{what}");
                if let Some(expected) = expected {
                    assert_agrees(&what, &logits, &expected, make)?;
                    feasible += 1;
                }
            }
        }
    }
    assert!(feasible > 60, "only {feasible} targets have a path");
    Ok(())
}

#[test]
fn targets_that_have_no_path_are_named() {
    let device = Device::cpu();
    let message = |lengths: &[usize], targets: &[Vec<u32>]| {
        let refused = CtcTargets::new(&device, lengths, targets, 4);
        refused.expect_err("no path").to_string()
    };
    assert_eq!(
        message(&[5, 4], &[vec![1, 2, 2], vec![3, 3, 3]]),
        "ctc: target 1 needs 5 frames (3 symbols, and 2 blanks between equal neighbours), but its \
         sequence has 4: leave it out or give it more frames"
    );
    assert_eq!(
        message(&[5], &[vec![1, 4]]),
        "ctc: symbol 1 of target 0 is 4, but 4 classes have the symbols from 1 to 3 (0 is the blank)"
    );
    assert!(message(&[5], &[vec![0]]).contains("symbol 0 of target 0 is 0"));
    assert_eq!(
        message(&[5, 5], &[vec![1]]),
        "ctc: expected a target for each of 2 sequences, found 1"
    );
    let copies = |tokens: &[u32], target: &[CopySymbol]| {
        let refused = CtcTargets::copying(&device, &[[3], [3]], &[[Token(3)], [Token(3)]]);
        assert_eq!(refused.expect("both are copies").len(), 2);
        let refused = CtcTargets::copying(&device, &[tokens], &[target]);
        refused.expect_err("no path").to_string()
    };
    assert_eq!(
        copies(&[4, 5, 6], &[Token(5), Token(4)]),
        "ctc: no path emits target 0: its 3 frames (at least 2 are needed) can copy the first 1 of \
         its 2 symbols, but not symbol 1, Token(4): leave it out"
    );
    // A separator needs a frame of its own, and two copies of one token a gap.
    assert!(copies(&[4, 5], &[Token(4), Separator, Token(5)]).contains("not symbol 2, Token(5)"));
    assert!(copies(&[4, 4], &[Token(4), Token(4)]).contains("at least 3 are needed"));
    assert!(copies(&[4], &[Token(u32::MAX)]).contains("reserved"));
}

#[test]
fn a_batch_must_be_the_one_that_was_checked() -> Result<()> {
    let device = Device::cpu();
    let tape = Tape::inference(&device);
    let targets = CtcTargets::new(&device, &[3, 2], &[vec![1], vec![]], 4)?;
    let message = |lengths: &[usize], classes: usize| -> Result<String> {
        let packed = Packed::new(&device, lengths, 0)?;
        let z = tape.constant(device.zeros(packed.shape(classes))?);
        Ok(ctc(&tape, &z, &packed, &targets)
            .expect_err("another batch")
            .to_string())
    };
    assert_eq!(
        message(&[2, 3], 4)?,
        "ctc: the target of sequence 0 was checked against 3 frames, but the sequence has 2"
    );
    assert_eq!(
        message(&[5], 4)?,
        "ctc: the targets are of 2 sequences, but the batch has 1"
    );
    assert_eq!(
        message(&[3, 2], 5)?,
        "ctc: the logits must be Real [5, 4], found Real [5, 5]"
    );
    Ok(())
}

#[test]
fn long_sequences_keep_their_digits() -> Result<()> {
    // Frames that know nothing: every path is alike, and there are binomial(T + L, 2 L) paths that
    // spell L symbols without equal neighbours.
    let (frames, symbols, classes) = (600, 40, 3);
    let target: Vec<u32> = (0..symbols).map(|i| 1 + i % 2).collect();
    let ln_paths: f64 = (0..2 * symbols)
        .map(|i| f64::ln(f64::from(frames + symbols - i) / f64::from(i + 1)))
        .sum();
    let expected = f64::from(frames) * 3f64.ln() - ln_paths;
    let logits = vec![0.0; frames as usize * classes];
    let mut gradients = Vec::new();
    for device in [Device::reference(), Device::cpu()] {
        let targets = CtcTargets::new(&device, &[frames as usize], &[&target], classes)?;
        let (loss, gradient) = run(&device, &logits, &targets)?;
        assert!(
            (loss - expected).abs() < 1e-5 * expected,
            "{loss}, not {expected}"
        );
        gradients.push(gradient);
    }
    let worst = gradients[0]
        .iter()
        .zip(&gradients[1])
        .map(|(a, b)| (a - b).abs());
    let worst = worst.fold(0.0, f64::max);
    // Six hundred steps, each rounded at logarithms of some tens: 2e-6, times the root of 600.
    assert!(worst < 5e-5, "{worst}");
    Ok(())
}

#[test]
fn a_frame_that_excludes_a_class_is_no_infinity() -> Result<()> {
    let device = Device::cpu();
    let low = f32::NEG_INFINITY;
    let targets = CtcTargets::new(&device, &[3], &[[1]], 3)?;
    let logits = [low, 0.0, 0.0, 0.0, low, low, 0.0, 0.0, low];
    let (loss, gradient) = run(&device, &logits, &targets)?;
    // 1, blank, blank: half of the first frame, all of the second, half of the third.
    assert!((loss - 4f64.ln()).abs() < 1e-6, "{loss}");
    let expected = [0.0, -0.5, 0.5, 0.0, 0.0, 0.0, -0.5, 0.5, 0.0];
    for (a, b) in gradient.iter().zip(expected) {
        assert!((a - b).abs() < 1e-6, "{gradient:?}");
    }
    Ok(())
}

#[test]
fn a_nan_stays_in_its_sequence_and_is_seen() -> Result<()> {
    for device in [Device::reference(), Device::cpu()] {
        let tape = Tape::inference(&device);
        let packed = Packed::new(&device, &[3, 2], 0)?;
        let targets = CtcTargets::new(&device, &[3, 2], &[[1], [2]], 3)?;
        let mut logits = draw("z", 15);
        logits[4] = f32::NAN;
        let z = tape.constant(device.real(&logits, [5, 3])?);
        let found = ctc(&tape, &z, &packed, &targets)?.tensor().read()?;
        assert!(!found[0].is_finite() && found[1].is_finite(), "{found:?}");
    }
    Ok(())
}

#[test]
fn the_best_path_is_joined_and_freed_of_blanks() -> Result<()> {
    let classes = 3;
    let logits = |path: &[usize]| -> Vec<f32> {
        let frame = |&c: &usize| (0..classes).map(move |k| if k == c { 2.0 } else { -1.0 });
        path.iter().flat_map(frame).collect()
    };
    let best = |path: &[usize]| ctc_best_path(&logits(path), classes);
    assert_eq!(best(&[0, 1, 1, 0, 1, 2, 2])?, [1, 1, 2]);
    assert!(best(&[0, 0])?.is_empty() && best(&[])?.is_empty());
    // Of equal logits the first class, the blank.
    assert_eq!(ctc_best_path(&[1.0, 1.0, 1.0, 0.0, 1.0, 1.0], 3)?, [1]);
    let copies = ctc_best_copies(&logits(&[1, 1, 0, 1, 2, 1]), &[5, 6, 6, 6, 6, 6])?;
    assert_eq!(copies, [Token(5), Token(6), Token(6), Separator, Token(6)]);
    assert_eq!(
        ctc_best_path(&[0.0; 4], 3)
            .expect_err("no frames")
            .to_string(),
        "ctc: the logits must be frames of 3 classes, at least one; found 4 numbers"
    );
    assert_eq!(
        ctc_best_copies(&[0.0; 6], &[1])
            .expect_err("one token")
            .to_string(),
        "ctc: expected a token for each of 2 frames, found 1"
    );
    Ok(())
}
