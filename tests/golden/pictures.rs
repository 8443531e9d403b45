//! The operators on pictures by themselves.

use limbeck::engine::{Device, Result, Tape, Var};
use limbeck::kernels::{
    Activation, Conv2dOptions, Interpolation, Pictures, Window, conv2d, group_norm, l1, max_pool2d,
    upsample2d,
};
use serde::Deserialize;

use crate::compare::relative;
use crate::files;

/// f32: sums of some dozens of terms, and of 260 pixels, with 6e-8 each.
pub(crate) const SINGLE: f64 = 2e-6;

/// `pictures.json`.
#[derive(Deserialize)]
struct PicturesFile {
    cases: Vec<PictureCase>,
}

/// An operator with its results, and the gradients of their sum with these coefficients.
#[derive(Deserialize)]
struct PictureCase {
    name: String,
    operator: PictureOperator,
    /// Number, height and width.
    pictures: [usize; 3],
    channels: usize,
    x: Vec<f64>,
    /// Weight and bias, gain and bias, or the second side of a loss.
    parameters: Vec<Vec<f64>>,
    /// Number, channels, height and width.
    results: [usize; 4],
    coefficients: Vec<f64>,
    y: Vec<f64>,
    /// Of x and of every parameter.
    gradients: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum PictureOperator {
    Conv2d {
        size: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 4],
        groups: usize,
        tanh: bool,
    },
    MaxPool2d {
        size: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 4],
    },
    Upsample2d {
        factor: usize,
        bilinear: bool,
    },
    GroupNorm {
        groups: usize,
        epsilon: f32,
    },
    L1,
}

/// Compares the results of every case, and the gradient of every input, on `device`.
pub(crate) fn check(device: &Device, tolerance: f64) {
    let file: PicturesFile = files::read("pictures.json");
    let mut complaints = Vec::new();
    for case in &file.cases {
        match run(case, device) {
            Err(error) => complaints.push(format!("{}: {error}", case.name)),
            Ok((y, gradients)) => {
                let what = format!("{}: results", case.name);
                complaints.extend(relative(&what, &y, &case.y, tolerance));
                assert_eq!(gradients.len(), case.gradients.len(), "{}", case.name);
                for (i, (found, expected)) in gradients.iter().zip(&case.gradients).enumerate() {
                    let what = format!("{}: gradient {i}", case.name);
                    complaints.extend(relative(&what, found, expected, tolerance));
                }
            }
        }
    }
    assert!(
        complaints.is_empty(),
        "on {}\n{}",
        device.name(),
        complaints.join("\n")
    );
}

/// Results, and a gradient for each input.
fn run(case: &PictureCase, device: &Device) -> Result<(Vec<f64>, Vec<Vec<f64>>)> {
    let tape = Tape::deterministic(device);
    let [count, height, width] = case.pictures;
    let pictures = Pictures {
        count,
        height,
        width,
    };
    let x = device.real_f64(&case.x, [pictures.rows(), case.channels])?;
    let x = tape.watched(x);
    let (y, results) = apply(case, device, &tape, &x, pictures)?;
    let [count, channels, height, width] = case.results;
    let expected = Pictures {
        count,
        height,
        width,
    };
    assert_eq!(results, expected, "{}", case.name);
    assert_eq!(
        y.shape().elements(),
        results.rows() * channels,
        "{}",
        case.name
    );
    let coefficients = device.real_f64(&case.coefficients, y.shape())?;
    let gradients = tape.gradients(vec![(&y, coefficients)])?;
    let gradients = gradients.iter().map(|gradient| gradient.read_f64());
    Ok((y.tensor().read_f64()?, gradients.collect::<Result<_>>()?))
}

fn apply(
    case: &PictureCase,
    device: &Device,
    tape: &Tape,
    x: &Var,
    pictures: Pictures,
) -> Result<(Var, Pictures)> {
    let channels = case.results[1];
    let vector = |index: usize| -> Result<Var> {
        let values = &case.parameters[index];
        Ok(tape.watched(device.real_f64(values, [values.len()])?))
    };
    match case.operator {
        PictureOperator::Conv2d {
            size,
            stride,
            padding,
            groups,
            tanh,
        } => {
            let weight = &case.parameters[0];
            let shape = [weight.len() / channels, channels];
            let weight = tape.watched(device.real_f64(weight, shape)?);
            let options = Conv2dOptions {
                window: Window {
                    size,
                    stride,
                    padding,
                },
                groups,
                activation: tanh.then_some(Activation::Tanh),
            };
            conv2d(tape, x, &weight, Some(&vector(1)?), pictures, options)
        }
        PictureOperator::MaxPool2d {
            size,
            stride,
            padding,
        } => {
            let window = Window {
                size,
                stride,
                padding,
            };
            max_pool2d(tape, x, pictures, window)
        }
        PictureOperator::Upsample2d { factor, bilinear } => {
            let interpolation = if bilinear {
                Interpolation::Bilinear
            } else {
                Interpolation::Nearest
            };
            upsample2d(tape, x, pictures, factor, interpolation)
        }
        PictureOperator::GroupNorm { groups, epsilon } => {
            let (gain, bias) = (vector(0)?, vector(1)?);
            let y = group_norm(tape, x, &gain, &bias, pictures, groups, epsilon)?;
            Ok((y, pictures))
        }
        PictureOperator::L1 => {
            let b = tape.watched(device.real_f64(&case.parameters[0], x.shape())?);
            Ok((l1(tape, x, &b)?, pictures))
        }
    }
}
