//! Losses against labels and distributions, by what they must equal.

use limbeck_engine::{Device, Result, Tape};
use limbeck_kernels::{soft_cross_entropy, softmax};
use limbeck_losses::LabelLoss;

const STUDENT: [f32; 6] = [0.3, -1.2, 0.9, 2.0, 0.1, -0.4];
const TEACHER: [f32; 6] = [1.5, 0.2, -0.7, 0.0, 0.8, 0.6];

/// With the factor τ², as the loss that takes the teacher's scores.
#[test]
fn cross_entropy_of_distributions_is_that_of_scores_at_every_temperature() -> Result<()> {
    let device = Device::cpu();
    for temperature in [1.0, 2.0, 5.0] {
        let tape = Tape::inference(&device);
        let student = tape.constant(device.real(&STUDENT, [2, 3])?);
        let teacher = tape.constant(device.real(&TEACHER, [2, 3])?);
        let scaled: Vec<f32> = TEACHER.iter().map(|score| score / temperature).collect();
        let truth = softmax(&tape, &tape.constant(device.real(&scaled, [2, 3])?))?;
        let found =
            LabelLoss::CrossEntropy.of_distributions(&tape, &student, &truth, temperature)?;
        let expected = soft_cross_entropy(&tape, &student, &teacher, temperature)?;
        let pairs = found
            .tensor()
            .read()?
            .into_iter()
            .zip(expected.tensor().read()?);
        for (a, b) in pairs {
            // Rounding of a sum of three terms of some units.
            assert!(
                (a - b).abs() <= 1e-5 * b.abs().max(1.0),
                "{temperature}: {a} {b}"
            );
        }
    }
    Ok(())
}

/// A label is the distribution that has all at its class.
#[test]
fn a_label_is_a_distribution() -> Result<()> {
    let device = Device::cpu();
    let tape = Tape::inference(&device);
    let student = tape.constant(device.real(&STUDENT, [2, 3])?);
    let truth = tape.constant(device.real(&[0.0, 0.0, 1.0, 1.0, 0.0, 0.0], [2, 3])?);
    let losses = [
        LabelLoss::CrossEntropy,
        LabelLoss::Focal { gamma: 1.5 },
        LabelLoss::Cosine,
        LabelLoss::Euclidean,
    ];
    for loss in losses {
        let by_label = loss.of_labels(&tape, &student, &[2, 0])?.tensor().read()?;
        let by_truth = loss.of_distributions(&tape, &student, &truth, 1.0)?;
        for (a, b) in by_label.into_iter().zip(by_truth.tensor().read()?) {
            assert!((a - b).abs() <= 1e-6, "{loss:?}: {a} {b}");
        }
    }
    Ok(())
}
