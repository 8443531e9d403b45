//! A training run on one device against the same run on the reference.

use limbeck_engine::{Device, ParameterVector, Result, Tape};

use crate::tiny::{KINDS, Kind, Labelled, Trainer};

const STEPS: u32 = 20;
/// Batches of the run, which come again and again.
const BATCHES: u32 = 4;
const BATCH_SIZE: u32 = 8;

/// Of a loss, relative: rounding of 6e-8 per operation, which training amplifies.
const LOSSES: f64 = 1e-4;
/// Of a gradient: the norm of its error against the norm of the gradient.
const GRADIENTS: f64 = 1e-5;
/// Of a parameter after the run, likewise.
const PARAMETERS: f64 = 1e-5;
/// The least norm an error is held against, as a share of the norm of all tensors together: one
/// that is small because large terms cancel keeps the rounding of those.
const FLOOR: f64 = 1e-3;

/// What a run leaves behind; tensors in the order of the store.
struct Run {
    losses: Vec<f64>,
    names: Vec<String>,
    first_gradients: Vec<Vec<f64>>,
    parameters: Vec<Vec<f64>>,
}

/// Trains every model on `device` and on the reference.
pub(crate) fn check(device: &Device) -> Result<()> {
    for kind in KINDS {
        let (found, expected) = (run(kind, device)?, run(kind, &Device::reference())?);
        let pass = |steps: &[f64]| steps.iter().sum::<f64>() / steps.len() as f64;
        let mut passes = expected.losses.chunks(BATCHES as usize).map(pass);
        let (first, last) = (passes.next(), passes.next_back());
        assert!(
            last < first,
            "{kind:?} does not learn: {first:?} to {last:?}"
        );
        let names = &expected.names;
        let losses = found.losses.iter().zip(&expected.losses);
        let worst = losses.map(|(a, b)| (a - b).abs() / b).fold(0.0, larger);
        eprintln!("{kind:?} on {}: losses {worst:.1e}", device.name());
        assert!(worst <= LOSSES, "{kind:?}: losses differ by {worst:.1e}");
        for (what, found, expected, tolerance) in [
            (
                "gradient",
                &found.first_gradients,
                &expected.first_gradients,
                GRADIENTS,
            ),
            (
                "parameter",
                &found.parameters,
                &expected.parameters,
                PARAMETERS,
            ),
        ] {
            let (worst, name) = largest_error(found, expected, names);
            eprintln!("    {what}s {worst:.1e} ({name})");
            assert!(
                worst <= tolerance,
                "{kind:?} on {}: {what} of {name}: error {worst:.1e}, allowed {tolerance:.0e}",
                device.name()
            );
        }
    }
    Ok(())
}

/// The two halves of a forward pass give what the whole does, with dropout too.
pub(crate) fn check_halves(device: &Device) -> Result<()> {
    for kind in KINDS {
        let model = kind.build(device)?;
        let texts = Labelled::new(kind, 0..BATCH_SIZE);
        let batch = model.batch(&texts.texts(), 0)?;
        let tape = || Tape::training(device, 5, 1);
        let halves = tape();
        let Ok(vectors) = model.represent(&halves, &batch) else {
            assert!(
                matches!(kind, Kind::BagOfNgrams | Kind::Tagger(_)),
                "{kind:?} has no vector for a text"
            );
            continue;
        };
        let whole = model.forward(&tape(), &batch)?.logits.tensor().read()?;
        let logits = model.classify(&halves, &batch, &vectors)?;
        // A network over a corpus multiplies in another order: rounding of sums of some hundred.
        for (a, b) in whole.iter().zip(logits.tensor().read()?) {
            assert!(
                (a - b).abs() <= 1e-5 * a.abs().max(1.0),
                "{kind:?}: {a} {b}"
            );
        }
    }
    Ok(())
}

fn run(kind: Kind, device: &Device) -> Result<Run> {
    let batch = |b| Labelled::new(kind, b * BATCH_SIZE..(b + 1) * BATCH_SIZE);
    let batches: Vec<Labelled> = (0..BATCHES).map(batch).collect();
    let mut trainer = Trainer::new(kind, device)?;
    let mut losses = Vec::new();
    let mut first_gradients = Vec::new();
    for step in 0..STEPS {
        let loss = trainer.step(&batches[(step % BATCHES) as usize])?;
        losses.push(loss.item()?);
        if step == 0 {
            first_gradients = numbers(&trainer.gradients)?;
        }
    }
    let store = trainer.model.parameters();
    Ok(Run {
        losses,
        names: store.records().iter().map(|r| r.name.clone()).collect(),
        first_gradients,
        parameters: numbers(store.values())?,
    })
}

fn numbers(vector: &ParameterVector) -> Result<Vec<Vec<f64>>> {
    let slices = vector.slices().iter().flatten();
    slices.map(|tensor| tensor.read_f64()).collect()
}

/// The largest error of a tensor, relative, and the tensor's name.
fn largest_error<'n>(
    found: &[Vec<f64>],
    expected: &[Vec<f64>],
    names: &'n [String],
) -> (f64, &'n str) {
    let all = norm(expected.iter().flatten().copied());
    let mut worst = (0.0, "none");
    for ((a, b), name) in found.iter().zip(expected).zip(names) {
        let scale = norm(b.iter().copied()).max(FLOOR * all);
        let error = norm(a.iter().zip(b).map(|(a, b)| a - b)) / scale;
        if larger(worst.0, error) != worst.0 {
            worst = (error, name);
        }
    }
    worst
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|v| v * v).sum::<f64>().sqrt()
}

/// The larger of two errors; infinite if one is not a number.
fn larger(a: f64, b: f64) -> f64 {
    if b.is_nan() { f64::INFINITY } else { a.max(b) }
}
