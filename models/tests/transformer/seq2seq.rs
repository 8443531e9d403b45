//! The encoder-decoder classifier.

use limbeck_engine::{Device, Fingerprint, ParameterVector, Result, Tape, TokenIds};
use limbeck_kernels::{Labels, Normaliser, cross_entropy, weighted_mean};
use limbeck_models::{Batch, Classifier, Encoded, NormPosition, Seq2Seq, Seq2SeqConfig};

use crate::{NORMS, devices, distance};

const VOCABULARY: Fingerprint = Fingerprint(4);
const CLASSES: usize = 3;
const LABELS: [u32; 3] = [2, 0, 1];

fn config(norm: NormPosition) -> Seq2SeqConfig {
    Seq2SeqConfig {
        vocabulary_size: 7,
        vocabulary: VOCABULARY,
        classes: CLASSES,
        hidden_size: 4,
        encoder_layers: 1,
        decoder_layers: 2,
        heads: 2,
        feed_forward_size: 5,
        dropout: 0.2,
        attention_dropout: 0.2,
        norm,
        gradient_checkpointing: false,
        max_positions: 6,
    }
}

fn texts() -> Vec<Encoded> {
    let text = |ids: &[u32]| Encoded::Tokens(TokenIds::new(ids.to_vec(), VOCABULARY));
    vec![text(&[1, 5, 5, 0]), text(&[2]), text(&[6, 3])]
}

fn batch(model: &Seq2Seq, texts: &[Encoded], first: u32) -> Result<Batch> {
    model.batch(&texts.iter().collect::<Vec<_>>(), first)
}

/// The loss of one step with dropout, whose gradients are added.
fn loss(model: &Seq2Seq, gradients: Option<&mut ParameterVector>) -> Result<f64> {
    let device = model.device();
    let tape = Tape::training(device, 1, 2);
    let logits = model.forward(&tape, &batch(model, &texts(), 0)?)?.logits;
    let labels = Labels::new(device, &LABELS, CLASSES)?;
    let rows = cross_entropy(&tape, &logits, &labels, None)?;
    let loss = weighted_mean(&tape, &rows, None, Normaliser::Weights)?;
    let value = loss.tensor().item()?;
    if let Some(gradients) = gradients {
        tape.backward(&loss, &mut [gradients])?
            .refuse(&[model.parameters()])?;
    }
    Ok(value)
}

/// The loss with one number of one parameter moved by `step`, which is taken back.
fn moved(model: &mut Seq2Seq, (slice, index): (usize, usize), step: f64) -> Result<f64> {
    let change = |model: &mut Seq2Seq, step: f64| -> Result<()> {
        let slices = model.parameters_mut().values_mut()?.slices_mut();
        let values = slices[slice]
            .as_mut()
            .and_then(|slice| slice.host_mut::<f64>());
        values.expect("the reference device keeps f64")[index] += step;
        Ok(())
    };
    change(model, step)?;
    let found = loss(model, None)?;
    change(model, -step)?;
    Ok(found)
}

#[test]
fn gradients_agree_with_finite_differences() -> Result<()> {
    for norm in NORMS {
        let mut model = Seq2Seq::new(config(norm), 3, &Device::reference())?;
        let mut gradients = model.parameters().zeros()?;
        loss(&model, Some(&mut gradients))?;
        let records = model.parameters().records().to_vec();
        for (slice, record) in records.iter().enumerate() {
            let gradient = gradients.slices()[slice].as_ref().expect("none is frozen");
            let gradient = gradient.read_f64()?;
            // Some numbers of each parameter, the first and the last among them.
            for index in (0..gradient.len()).step_by(7).chain([gradient.len() - 1]) {
                let h = 1e-5;
                let above = moved(&mut model, (slice, index), h)?;
                let below = moved(&mut model, (slice, index), -h)?;
                let difference = (above - below) / (2.0 * h);
                // 1e-10 times the third derivative, and 1e-16 / 1e-5 of rounding.
                let error = (difference - gradient[index]).abs();
                assert!(
                    error < 1e-7,
                    "{} {index}, {norm:?}: {error:.1e}",
                    record.name
                );
            }
        }
    }
    Ok(())
}

#[test]
fn every_device_gives_the_logits_of_the_reference_with_the_same_masks() -> Result<()> {
    for norm in NORMS {
        let logits = |device: &Device| -> Result<Vec<f64>> {
            let model = Seq2Seq::new(config(norm), 3, device)?;
            let tape = Tape::training(device, 1, 2);
            let output = model.forward(&tape, &batch(&model, &texts(), 0)?)?;
            assert_eq!(output.states.len(), 2, "the embedding and one layer");
            output.logits.tensor().read_f64()
        };
        let expected = logits(&Device::reference())?;
        for (device, tolerance) in devices() {
            let error = distance(&logits(&device)?, &expected);
            assert!(
                error <= tolerance,
                "{error:.1e}, {norm:?}, {}",
                device.name()
            );
        }
    }
    Ok(())
}

#[test]
fn a_batch_gives_what_each_text_gives_alone() -> Result<()> {
    for (device, tolerance) in devices() {
        let model = Seq2Seq::new(config(NormPosition::Pre), 3, &device)?;
        // With dropout: a sample draws the same masks wherever it stands.
        let tape = Tape::training(&device, 1, 2);
        let logits = |texts: &[Encoded], first| -> Result<Vec<f64>> {
            let output = model.forward(&tape, &batch(&model, texts, first)?)?;
            output.logits.tensor().read_f64()
        };
        let mut alone = Vec::new();
        for (first, text) in (0..).zip(texts()) {
            alone.extend(logits(&[text], first)?);
        }
        let error = distance(&logits(&texts(), 0)?, &alone);
        assert!(error <= tolerance, "{error:.1e}, {}", device.name());
    }
    Ok(())
}

#[test]
fn the_halves_of_the_forward_pass_make_the_whole() -> Result<()> {
    for (device, _) in devices() {
        let model = Seq2Seq::new(config(NormPosition::Post), 3, &device)?;
        let batch = batch(&model, &texts(), 0)?;
        let tape = Tape::training(&device, 1, 2);
        let whole = model.forward(&tape, &batch)?.logits;
        let state = model.represent(&tape, &batch)?;
        assert_eq!(state.shape().dims(), [3, 4]);
        let logits = model.classify(&tape, &batch, &state)?;
        assert_eq!(logits.tensor().read()?, whole.tensor().read()?);
        assert_eq!(logits.shape().dims(), [3, CLASSES]);
    }
    Ok(())
}

#[test]
fn what_is_no_model_is_refused() -> Result<()> {
    let valid = config(NormPosition::Pre);
    let refusal = |config: Seq2SeqConfig| {
        let model = Seq2Seq::new(config, 3, &Device::cpu());
        model.err().expect("refused").to_string()
    };
    let changed = |change: fn(&mut Seq2SeqConfig)| {
        let mut config = valid.clone();
        change(&mut config);
        refusal(config)
    };
    for (found, part) in [
        (
            changed(|c| c.encoder_layers = 0),
            "encoder_layers must be at least 1",
        ),
        (
            changed(|c| c.decoder_layers = 0),
            "decoder_layers must be at least 1",
        ),
        (
            changed(|c| c.hidden_size = 0),
            "hidden_size must be at least 1",
        ),
        (
            changed(|c| c.max_positions = 0),
            "max_positions must be at least 1",
        ),
        (changed(|c| c.heads = 3), "found 3 heads for 4"),
    ] {
        assert!(found.contains(part), "{found}");
    }
    let model = Seq2Seq::new(valid, 3, &Device::cpu())?;
    let foreign = Encoded::Tokens(TokenIds::new(vec![1], Fingerprint(5)));
    let error = model.predict(&[&foreign]).expect_err("another vocabulary");
    assert!(
        matches!(error, limbeck_engine::Error::Vocabulary { .. }),
        "{error}"
    );
    Ok(())
}
