//! Gradients: against finite differences, and on every device. Parameters: how many.

use limbeck_engine::{Device, Result};
use limbeck_models::{Classifier, SpeechNet, SpeechNetConfig, SpeechOutput, SpeechTrunk};

use crate::common::{check_gradients, devices, distance, numbers};
use crate::small::{KINDS, OUTPUTS, clips};

#[test]
fn gradients_agree_with_finite_differences() -> Result<()> {
    for (kind, output) in KINDS.into_iter().flat_map(|k| OUTPUTS.map(|o| (k, o))) {
        let mut model = kind.build(output, &Device::reference())?;
        check_gradients(&mut model, &clips())?;
    }
    Ok(())
}

#[test]
fn every_device_gives_the_scores_and_gradients_of_the_reference() -> Result<()> {
    for (kind, output) in KINDS.into_iter().flat_map(|k| OUTPUTS.map(|o| (k, o))) {
        let reference = kind.build(output, &Device::reference())?;
        let (scores, gradients) = numbers(&reference, &clips())?;
        let largest = gradients.iter().flatten();
        let largest = largest.fold(0.0, |a: f64, b| a.max(b.abs()));
        for (device, tolerance) in devices() {
            let found = numbers(&kind.build(output, &device)?, &clips())?;
            let what = format!("{kind:?}, {output:?}, {}", device.name());
            let error = distance(&found.0, &scores);
            assert!(error <= tolerance, "{error:.1e}, {what}");
            for (parameter, (found, expected)) in found.1.iter().zip(&gradients).enumerate() {
                // A gradient that is small because large terms cancel keeps their rounding.
                let error = distance(found, expected) / largest;
                assert!(
                    error <= tolerance,
                    "{error:.1e}, parameter {parameter}, {what}"
                );
            }
        }
    }
    Ok(())
}

/// With b bins and k classes: convolutions of widths w with c channels, or n layers of width h.
#[test]
fn there_are_as_many_parameters_as_the_closed_formula_says() -> Result<()> {
    let (b, k) = (6, 5);
    let counted = |trunk: SpeechTrunk, output| -> Result<usize> {
        let config = SpeechNetConfig {
            bins: b,
            classes: k,
            trunk,
            output,
            dropout: 0.0,
        };
        let model = SpeechNet::new(config, 1, &Device::cpu())?;
        let count = model.parameter_count();
        assert_eq!(model.parameter_count_without_embeddings(), count);
        for record in model.parameters().records() {
            assert_eq!(
                record.decay,
                record.shape.dims().len() == 2,
                "{}",
                record.name
            );
        }
        Ok(count)
    };
    let c = 7;
    let convolution = || SpeechTrunk::Convolution {
        channels: c,
        kernel_sizes: vec![3, 5, 4],
    };
    // Weights, then bias, gain and bias of every block.
    let trunk = 3 * b * c + (5 + 4) * c * c + 3 * 3 * c;
    assert_eq!(
        counted(convolution(), SpeechOutput::Frames)?,
        trunk + (c + 1) * k
    );
    assert_eq!(
        counted(convolution(), SpeechOutput::Segments)?,
        trunk + (2 * c + 1) * k
    );
    let (h, n) = (4, 3);
    for (bidirectional, ways) in [(false, 1), (true, 2)] {
        let recurrent = || SpeechTrunk::Recurrent {
            hidden_size: h,
            layers: n,
            bidirectional,
        };
        // Weights of inputs and states for three gates, their biases and the hidden one.
        let cell = |inputs: usize| 3 * h * inputs + 3 * h * h + 4 * h;
        let trunk = ways * (cell(b) + (n - 1) * cell(ways * h));
        let width = ways * h;
        assert_eq!(
            counted(recurrent(), SpeechOutput::Frames)?,
            trunk + (width + 1) * k
        );
        let pooled = (2 * width + 1) * k;
        assert_eq!(
            counted(recurrent(), SpeechOutput::Segments)?,
            trunk + pooled
        );
    }
    Ok(())
}
