//! The focal loss without a focus is the cross-entropy; where a row is as good as right, nothing is
//! left of it and nothing breaks.

use limbeck_engine::{Device, Result, Tape, Tensor, Var};
use limbeck_kernels::{ClassWeights, Labels, cross_entropy, focal, soft_cross_entropy, soft_focal};

const ROWS: usize = 23;
const CLASSES: usize = 7;

fn numbers(seed: usize, scale: f64) -> Vec<f64> {
    let draw = |i: usize| scale * (((i + seed) * 31 % 47) as f64 - 23.0) / 23.0;
    (0..ROWS * CLASSES).map(draw).collect()
}

/// The loss of each row, and the gradient by the logits of a weighted sum of them.
fn run(
    device: &Device,
    logits: &[f64],
    loss: impl Fn(&Tape, &Var) -> Result<Var>,
) -> Result<[Vec<f64>; 2]> {
    let tape = Tape::deterministic(device);
    let logits = tape.watched(device.real_f64(logits, [ROWS, CLASSES])?);
    let loss = loss(&tape, &logits)?;
    let seed: Vec<f32> = (0..ROWS).map(|row| 1.5 - 0.125 * row as f32).collect();
    let gradients = tape.gradients(vec![(&loss, device.real(&seed, [ROWS])?)])?;
    Ok([loss.tensor().read_f64()?, gradients[0].read_f64()?])
}

fn assert_close(found: &[Vec<f64>; 2], expected: &[Vec<f64>; 2], tolerance: f64) {
    for (found, expected) in found.iter().zip(expected) {
        for (a, b) in found.iter().zip(expected) {
            let allowed = tolerance * b.abs();
            assert!((a - b).abs() <= allowed, "{a} and {b}");
        }
    }
}

#[test]
fn without_a_focus_it_is_the_cross_entropy() -> Result<()> {
    let labels: Vec<u32> = (0..ROWS as u32).map(|row| row * 3 % 7).collect();
    for device in [Device::reference(), Device::cpu()] {
        let labels = Labels::new(&device, &labels, CLASSES)?;
        let weights = ClassWeights::new(&device, &[0.5, 1.0, 2.0, 0.0, 1.5, 1.0, 3.0])?;
        for weights in [None, Some(&weights)] {
            for scale in [2.0, 40.0] {
                let z = numbers(0, scale);
                let plain = run(&device, &z, |t, z| cross_entropy(t, z, &labels, weights))?;
                let focused = run(&device, &z, |t, z| focal(t, z, &labels, weights, 0.0))?;
                // Every row and every gradient by itself.
                assert_close(&focused, &plain, 1e-7);
            }
        }
    }
    Ok(())
}

fn probabilities(logits: &[f64]) -> Vec<f64> {
    let of = |row: &[f64]| -> Vec<f64> {
        let sum: f64 = row.iter().map(|z| z.exp()).sum();
        row.iter().map(|z| z.exp() / sum).collect()
    };
    logits.chunks(CLASSES).flat_map(of).collect()
}

#[test]
fn without_a_focus_soft_targets_give_the_soft_cross_entropy() -> Result<()> {
    let (z, teacher) = (numbers(0, 2.0), numbers(11, 3.0));
    let targets = probabilities(&teacher);
    let both = |device: &Device| -> Result<[[Vec<f64>; 2]; 2]> {
        let place = |values: &[f64]| device.real_f64(values, [ROWS, CLASSES]);
        let constant = |tape: &Tape, tensor: &Tensor| tape.constant(tensor.clone());
        let (logits, targets) = (place(&teacher)?, place(&targets)?);
        let plain = run(device, &z, |t, z| {
            soft_cross_entropy(t, z, &constant(t, &logits), 1.0)
        })?;
        let focused = run(device, &z, |t, z| {
            soft_focal(t, z, &constant(t, &targets), 0.0)
        })?;
        Ok([plain, focused])
    };
    let [plain, focused] = both(&Device::reference())?;
    assert_close(&focused, &plain, 1e-7);
    let [[plain, _], [focused, _]] = both(&Device::cpu())?;
    for (a, b) in focused.iter().zip(&plain) {
        // Seven terms, each rounded a few times; f32 cannot promise 1e-7, which is two roundings.
        assert!((a - b).abs() <= 5e-7 * b, "{a} and {b}");
    }
    Ok(())
}

#[test]
fn rows_that_are_right_or_hopeless_break_nothing() -> Result<()> {
    for device in [Device::reference(), Device::cpu()] {
        for gamma in [0.0, 0.5, 1.0, 2.0] {
            let tape = Tape::deterministic(&device);
            let values = [200.0, 0.0, 0.0, 200.0];
            let logits = tape.watched(device.real(&values, [2, 2])?);
            let labels = Labels::new(&device, &[0, 0], 2)?;
            let loss = focal(&tape, &logits, &labels, None, gamma)?;
            let seed = device.real(&[1.0, 1.0], [2])?;
            let gradient = tape.gradients(vec![(&loss, seed)])?[0].read()?;
            // ln p = -200, and its slope is that of the cross-entropy.
            assert_eq!(loss.tensor().read()?, [0.0, 200.0], "γ {gamma}");
            assert!(
                gradient[..2].iter().all(|g| g.abs() < 1e-37),
                "{gradient:?}"
            );
            assert_eq!(gradient[2..], [-1.0, 1.0], "γ {gamma}");
        }
    }
    Ok(())
}

#[test]
fn targets_are_constants_and_a_nan_stays_in_its_row() -> Result<()> {
    let device = Device::cpu();
    let tape = Tape::deterministic(&device);
    let logits = tape.watched(device.real(&[0.0, f32::NAN, 1.0, 2.0], [2, 2])?);
    let targets = tape.watched(device.real(&[0.5, 0.5, 0.25, 0.75], [2, 2])?);
    let loss = soft_focal(&tape, &logits, &targets, 2.0)?;
    let found = loss.tensor().read()?;
    assert!(found[0].is_nan() && found[1].is_finite(), "{found:?}");
    let seed = device.real(&[1.0, 1.0], [2])?;
    let gradients = tape.gradients(vec![(&loss, seed)])?;
    assert_eq!(gradients[1].read()?, [0.0; 4], "of the targets");
    Ok(())
}

#[test]
fn what_does_not_fit_is_refused() -> Result<()> {
    let device = Device::cpu();
    let tape = Tape::inference(&device);
    let logits = tape.constant(device.zeros([2, 3])?);
    let labels = Labels::new(&device, &[0, 2], 3)?;
    for gamma in [-0.5, f32::NAN, f32::INFINITY] {
        let error = focal(&tape, &logits, &labels, None, gamma).expect_err("no power");
        let expected = format!("focal: γ must be finite and at least 0, found {gamma}");
        assert_eq!(error.to_string(), expected);
    }
    let others = Labels::new(&device, &[0, 3], 4)?;
    let error = focal(&tape, &logits, &others, None, 2.0).expect_err("class 3 of 3");
    assert_eq!(
        error.to_string(),
        "focal: the labels are of 4 classes, but the logits [2, 3] have 3"
    );
    let targets = tape.constant(device.zeros([2, 2])?);
    let error = soft_focal(&tape, &logits, &targets, 1.0).expect_err("another shape");
    assert_eq!(
        error.to_string(),
        "soft_focal: the targets must be Real [2, 3], found Real [2, 2]"
    );
    Ok(())
}
