//! What the tests of the networks over pictures and speech share.

use limbeck_engine::{Device, ParameterVector, Result, Stream, Tape, Tensor, Var};
use limbeck_kernels::{Labels, Normaliser, cross_entropy, weighted_mean};
use limbeck_models::{Classifier, Encoded};

/// The devices, and how far their numbers may be from the reference's: some hundred operations of f32
/// on numbers around 1, each rounded by 6e-8. In f64 only the order of sums differs.
pub(crate) fn devices() -> Vec<(Device, f64)> {
    let mut devices = vec![(Device::reference(), 1e-12), (Device::cpu(), 1e-5)];
    devices.extend(gpu().map(|gpu| (gpu, 1e-5)));
    devices
}

#[cfg(feature = "gpu")]
fn gpu() -> Option<Device> {
    let name = std::env::var("LIMBECK_TEST_ADAPTER").unwrap_or_else(|_| "llvmpipe".into());
    match Device::gpu_named(&name) {
        Ok(gpu) => Some(gpu),
        Err(error) => {
            let required = std::env::var("LIMBECK_REQUIRE_GPU").is_ok_and(|v| v == "1");
            assert!(!required, "LIMBECK_REQUIRE_GPU=1, but: {error}");
            None
        }
    }
}

#[cfg(not(feature = "gpu"))]
fn gpu() -> Option<Device> {
    None
}

/// The largest difference.
pub(crate) fn distance(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    // NaN is farther than anything.
    differences.fold(0.0, |worst, d| if d <= worst { worst } else { d })
}

pub(crate) fn refused<T>(found: Result<T>, parts: &[&str]) {
    let message = found.err().expect("refused").to_string();
    for part in parts {
        assert!(message.contains(part), "{part:?} is missing in {message}");
    }
}

/// Moves all parameters at random, so that none is zero or one, as gains and biases begin.
pub(crate) fn shake(model: &mut dyn Classifier) -> Result<()> {
    let store = model.parameters_mut();
    let random = Stream::new(9, "moved", 0);
    let mut values = store.values().read()?;
    for (slice, numbers) in (0..).zip(&mut values) {
        for (index, number) in (0..).zip(numbers) {
            *number += 0.3 * random.normal(slice, index) as f32;
        }
    }
    store.values_mut()?.restore(&values)
}

/// Scores of a training step, with dropout: a sample draws the same masks wherever it stands.
pub(crate) fn trained(model: &dyn Classifier, texts: &[Encoded], first: u32) -> Result<Vec<f64>> {
    let tape = Tape::training(model.device(), 1, 2);
    let batch = model.batch(&texts.iter().collect::<Vec<_>>(), first)?;
    model.forward(&tape, &batch)?.logits.tensor().read_f64()
}

/// Scores without dropout.
pub(crate) fn scores(model: &dyn Classifier, texts: &[Encoded]) -> Result<Vec<f64>> {
    let tape = Tape::inference(model.device());
    let batch = model.batch(&texts.iter().collect::<Vec<_>>(), 0)?;
    model.forward(&tape, &batch)?.logits.tensor().read_f64()
}

/// Scores and loss of a training step whose rows have classes in turn; gradients are added.
pub(crate) fn step(
    model: &dyn Classifier,
    texts: &[Encoded],
    gradients: Option<&mut ParameterVector>,
) -> Result<(Vec<f64>, f64)> {
    let tape = Tape::training(model.device(), 1, 2);
    let batch = model.batch(&texts.iter().collect::<Vec<_>>(), 0)?;
    let logits = model.forward(&tape, &batch)?.logits;
    let loss = loss(&tape, &logits)?;
    if let Some(gradients) = gradients {
        tape.backward(&loss, &mut [gradients])?
            .refuse(&[model.parameters()])?;
    }
    Ok((logits.tensor().read_f64()?, loss.tensor().item()?))
}

fn loss(tape: &Tape, logits: &Var) -> Result<Var> {
    let (rows, classes) = (logits.shape().rows(), logits.shape().columns());
    let labels: Vec<u32> = (0..rows)
        .map(|row| (row * 5 % 7 % classes) as u32)
        .collect();
    let labels = Labels::new(tape.device(), &labels, classes)?;
    let rows_of_loss = cross_entropy(tape, logits, &labels, None)?;
    weighted_mean(tape, &rows_of_loss, None, Normaliser::Count(rows as f32))
}

/// Compares the gradients of a model on the reference device with central differences of its loss.
pub(crate) fn check_gradients(model: &mut dyn Classifier, texts: &[Encoded]) -> Result<()> {
    let mut gradients = model.parameters().zeros()?;
    step(model, texts, Some(&mut gradients))?;
    let records = model.parameters().records().to_vec();
    for (slice, record) in records.iter().enumerate() {
        let gradient = gradients.slices()[slice].as_ref().map(Tensor::read_f64);
        let gradient = gradient.expect("none is frozen")?;
        for index in (0..gradient.len()).step_by(3).chain([gradient.len() - 1]) {
            // Small, so that no kink of relu and no change of a largest value is crossed.
            let h = 1e-6;
            let above = moved(model, texts, (slice, index), h)?;
            let below = moved(model, texts, (slice, index), -h)?;
            let difference = (above - below) / (2.0 * h);
            // 1e-12 times the third derivative, and a few 1e-16 / 1e-6 of rounding.
            let error = (difference - gradient[index]).abs();
            assert!(error < 1e-8, "{} {index}: {error:.1e}", record.name);
        }
    }
    Ok(())
}

/// The loss with one number of one parameter moved by `by`, which is taken back.
fn moved(
    model: &mut dyn Classifier,
    texts: &[Encoded],
    (slice, index): (usize, usize),
    by: f64,
) -> Result<f64> {
    let change = |model: &mut dyn Classifier, by: f64| -> Result<()> {
        let slices = model.parameters_mut().values_mut()?.slices_mut();
        let values = slices[slice]
            .as_mut()
            .and_then(|slice| slice.host_mut::<f64>());
        values.expect("the reference device keeps f64")[index] += by;
        Ok(())
    };
    change(model, by)?;
    let (_, loss) = step(model, texts, None)?;
    change(model, -by)?;
    Ok(loss)
}

/// Scores, then all gradients, of one step.
pub(crate) fn numbers(
    model: &dyn Classifier,
    texts: &[Encoded],
) -> Result<(Vec<f64>, Vec<Vec<f64>>)> {
    let mut gradients = model.parameters().zeros()?;
    let (scores, _) = step(model, texts, Some(&mut gradients))?;
    let slices = gradients.slices().iter().flatten();
    Ok((scores, slices.map(Tensor::read_f64).collect::<Result<_>>()?))
}
