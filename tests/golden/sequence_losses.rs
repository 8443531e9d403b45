//! The focal loss, connectionist temporal classification and the conditional random field by
//! themselves.

use limbeck::engine::{Device, Packed, Result, Tape, Var};
use limbeck::kernels::{ClassWeights, CtcTargets, Labels, crf, ctc, focal, soft_focal};
use serde::Deserialize;

use crate::compare::relative;
use crate::files;

/// f32: some dozens of roundings of 6e-8 on the way through nine frames or rows.
pub(crate) const SINGLE: f64 = 2e-6;

/// `sequence_losses.json`.
#[derive(Deserialize)]
struct LossesFile {
    focal: Vec<FocalCase>,
    soft_focal: Vec<FocalCase>,
    ctc: CtcCase,
    crf: CrfCase,
}

#[derive(Deserialize)]
struct FocalCase {
    name: String,
    gamma: f32,
    classes: usize,
    logits: Vec<f64>,
    /// Of the hard loss.
    #[serde(default)]
    labels: Vec<u32>,
    weights: Option<Vec<f32>>,
    /// Of the soft loss.
    #[serde(default)]
    targets: Vec<f64>,
    outcome: Outcome,
}

#[derive(Deserialize)]
struct CtcCase {
    lengths: Vec<usize>,
    classes: usize,
    logits: Vec<f64>,
    targets: Vec<Vec<u32>>,
    outcome: Outcome,
}

#[derive(Deserialize)]
struct CrfCase {
    lengths: Vec<usize>,
    classes: usize,
    emissions: Vec<f64>,
    transitions: Vec<f64>,
    tags: Vec<u32>,
    outcome: Outcome,
}

/// Losses, and the gradients of their sum with these coefficients.
#[derive(Deserialize)]
struct Outcome {
    coefficients: Vec<f64>,
    losses: Vec<f64>,
    gradients: Vec<Vec<f64>>,
}

/// Compares the losses of every case, and the gradient of every input, on `device`.
pub(crate) fn check(device: &Device, tolerance: f64) {
    let file: LossesFile = files::read("sequence_losses.json");
    let mut complaints = Vec::new();
    let mut compare = |name: &str, expected: &Outcome, found: Result<Found>| match found {
        Err(error) => complaints.push(format!("{name}: {error}")),
        Ok((losses, gradients)) => {
            let what = format!("{name}: losses");
            complaints.extend(relative(&what, &losses, &expected.losses, tolerance));
            assert_eq!(gradients.len(), expected.gradients.len(), "{name}");
            for (i, (found, expected)) in gradients.iter().zip(&expected.gradients).enumerate() {
                let what = format!("{name}: gradient {i}");
                complaints.extend(relative(&what, found, expected, tolerance));
            }
        }
    };
    for case in file.focal.iter().chain(&file.soft_focal) {
        compare(&case.name, &case.outcome, focal_case(case, device));
    }
    compare("ctc", &file.ctc.outcome, ctc_case(&file.ctc, device));
    compare("crf", &file.crf.outcome, crf_case(&file.crf, device));
    assert!(
        complaints.is_empty(),
        "on {}\n{}",
        device.name(),
        complaints.join("\n")
    );
}

/// Losses, and a gradient for each input.
type Found = (Vec<f64>, Vec<Vec<f64>>);

fn run(tape: Tape, device: &Device, losses: &Var, outcome: &Outcome) -> Result<Found> {
    let coefficients = device.real_f64(&outcome.coefficients, [outcome.coefficients.len()])?;
    let gradients = tape.gradients(vec![(losses, coefficients)])?;
    let gradients = gradients.iter().map(|gradient| gradient.read_f64());
    Ok((
        losses.tensor().read_f64()?,
        gradients.collect::<Result<_>>()?,
    ))
}

fn focal_case(case: &FocalCase, device: &Device) -> Result<Found> {
    let tape = Tape::deterministic(device);
    let shape = [case.logits.len() / case.classes, case.classes];
    let logits = tape.watched(device.real_f64(&case.logits, shape)?);
    let losses = if case.targets.is_empty() {
        let labels = Labels::new(device, &case.labels, case.classes)?;
        let weights = case.weights.as_ref();
        let weights = weights.map(|w| ClassWeights::new(device, w)).transpose()?;
        focal(&tape, &logits, &labels, weights.as_ref(), case.gamma)?
    } else {
        let targets = tape.constant(device.real_f64(&case.targets, shape)?);
        soft_focal(&tape, &logits, &targets, case.gamma)?
    };
    run(tape, device, &losses, &case.outcome)
}

fn ctc_case(case: &CtcCase, device: &Device) -> Result<Found> {
    let tape = Tape::deterministic(device);
    let packed = Packed::new(device, &case.lengths, 0)?;
    let logits = tape.watched(device.real_f64(&case.logits, packed.shape(case.classes))?);
    let targets = CtcTargets::new(device, &case.lengths, &case.targets, case.classes)?;
    let losses = ctc(&tape, &logits, &packed, &targets)?;
    run(tape, device, &losses, &case.outcome)
}

fn crf_case(case: &CrfCase, device: &Device) -> Result<Found> {
    let tape = Tape::deterministic(device);
    let packed = Packed::new(device, &case.lengths, 0)?;
    let emissions = device.real_f64(&case.emissions, packed.shape(case.classes))?;
    let transitions = device.real_f64(&case.transitions, [case.classes + 2, case.classes])?;
    let (emissions, transitions) = (tape.watched(emissions), tape.watched(transitions));
    let tags = Labels::new(device, &case.tags, case.classes)?;
    let losses = crf(&tape, &emissions, &transitions, &packed, &tags)?;
    run(tape, device, &losses, &case.outcome)
}
