//! Gradients: against finite differences, and on every device.

use limbeck_engine::{Device, ParameterVector, Result, Tape};
use limbeck_models::Classifier;
use limbeck_models::tagging::Tagger;

use crate::small::{KINDS, Kind, LABELS, batch, devices, distance, loss, sentences};

/// The loss of one step with dropout, whose gradients are added.
fn step(model: &Tagger, gradients: Option<&mut ParameterVector>) -> Result<f64> {
    let tape = Tape::training(model.device(), 1, 2);
    let batch = batch(model, &sentences(), 0)?;
    let scores = model.forward_labelled(&tape, &batch, &LABELS)?;
    let loss = loss(model, &tape, &batch, &scores)?;
    let value = loss.tensor().item()?;
    if let Some(gradients) = gradients {
        tape.backward(&loss, &mut [gradients])?
            .refuse(&[model.parameters()])?;
    }
    Ok(value)
}

/// The loss with one number of one parameter moved by `by`, which is taken back.
fn moved(model: &mut Tagger, (slice, index): (usize, usize), by: f64) -> Result<f64> {
    let change = |model: &mut Tagger, by: f64| -> Result<()> {
        let slices = model.parameters_mut().values_mut()?.slices_mut();
        let values = slices[slice]
            .as_mut()
            .and_then(|slice| slice.host_mut::<f64>());
        values.expect("the reference device keeps f64")[index] += by;
        Ok(())
    };
    change(model, by)?;
    let found = step(model, None)?;
    change(model, -by)?;
    Ok(found)
}

#[test]
fn gradients_agree_with_finite_differences() -> Result<()> {
    for kind in KINDS {
        for crf in [false, true] {
            let mut model = kind.build(crf, &Device::reference())?;
            let mut gradients = model.parameters().zeros()?;
            step(&model, Some(&mut gradients))?;
            let records = model.parameters().records().to_vec();
            for (slice, record) in records.iter().enumerate() {
                let gradient = gradients.slices()[slice].as_ref().expect("none is frozen");
                let gradient = gradient.read_f64()?;
                for index in (0..gradient.len()).step_by(3).chain([gradient.len() - 1]) {
                    // Small, so that no kink of relu and no change of a largest value is crossed.
                    let h = 1e-6;
                    let above = moved(&mut model, (slice, index), h)?;
                    let below = moved(&mut model, (slice, index), -h)?;
                    let difference = (above - below) / (2.0 * h);
                    // 1e-12 times the third derivative, and a few 1e-16 / 1e-6 of rounding.
                    let error = (difference - gradient[index]).abs();
                    let name = &record.name;
                    assert!(error < 1e-8, "{name} {index}, {kind:?}, {crf}: {error:.1e}");
                }
            }
        }
    }
    Ok(())
}

/// Scores and all gradients of one step.
fn numbers(kind: Kind, crf: bool, device: &Device) -> Result<(Vec<f64>, Vec<Vec<f64>>)> {
    let model = kind.build(crf, device)?;
    let tape = Tape::training(device, 1, 2);
    let batch = batch(&model, &sentences(), 0)?;
    let scores = model.forward_labelled(&tape, &batch, &LABELS)?;
    let loss = loss(&model, &tape, &batch, &scores)?;
    let mut gradients = model.parameters().zeros()?;
    tape.backward(&loss, &mut [&mut gradients])?
        .refuse(&[model.parameters()])?;
    let slices = gradients.slices().iter().flatten();
    let gradients = slices
        .map(|slice| slice.read_f64())
        .collect::<Result<_>>()?;
    Ok((scores.tensor().read_f64()?, gradients))
}

#[test]
fn every_device_gives_the_scores_and_gradients_of_the_reference() -> Result<()> {
    for kind in KINDS {
        for crf in [false, true] {
            let (scores, gradients) = numbers(kind, crf, &Device::reference())?;
            let largest = gradients.iter().flatten();
            let largest = largest.fold(0.0, |a: f64, b| a.max(b.abs()));
            for (device, tolerance) in devices() {
                let found = numbers(kind, crf, &device)?;
                let what = format!("{kind:?}, {crf}, {}", device.name());
                let error = distance(&found.0, &scores);
                assert!(error <= tolerance, "{error:.1e}, {what}");
                let pairs = found.1.iter().zip(&gradients);
                for (parameter, (found, expected)) in (0..).zip(pairs) {
                    // A gradient that is small because large terms cancel keeps the rounding of those.
                    let error = distance(found, expected) / largest;
                    assert!(
                        error <= tolerance,
                        "{error:.1e}, parameter {parameter}, {what}"
                    );
                }
            }
        }
    }
    Ok(())
}

/// What is only known to the tables does not count as size.
#[test]
fn tables_do_not_count_as_size() -> Result<()> {
    let tables = ["words", "letters", "shapes", "positions", "symbols"];
    for kind in KINDS {
        let model = kind.build(true, &Device::cpu())?;
        let records = model.parameters().records().iter();
        let counted = records.filter(|r| !tables.contains(&r.name.trim_end_matches(".weight")));
        let expected: usize = counted.map(|r| r.shape.elements()).sum();
        assert_eq!(model.parameter_count_without_embeddings(), expected);
        assert!(expected < model.parameter_count(), "{kind:?}");
        let transitions = model.transitions().expect("a random field");
        assert!(!model.parameters().records()[transitions.index()].decay);
    }
    Ok(())
}
