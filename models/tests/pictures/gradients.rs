//! Gradients: against finite differences, and on every device. Parameters: how many.

use limbeck_engine::{Device, Result};
use limbeck_kernels::Interpolation;
use limbeck_models::{Classifier, UNet, UNetConfig};

use crate::common::{check_gradients, devices, distance, numbers};
use crate::small::{build, pictures};

#[test]
fn gradients_agree_with_finite_differences() -> Result<()> {
    for interpolation in [Interpolation::Nearest, Interpolation::Bilinear] {
        let mut model = build(interpolation, &Device::reference())?;
        check_gradients(&mut model, &pictures(5, 6)[..2])?;
    }
    Ok(())
}

#[test]
fn every_device_gives_the_scores_and_gradients_of_the_reference() -> Result<()> {
    for interpolation in [Interpolation::Nearest, Interpolation::Bilinear] {
        for (height, width) in [(5, 6), (8, 4)] {
            let texts = pictures(height, width);
            let reference = build(interpolation, &Device::reference())?;
            let (scores, gradients) = numbers(&reference, &texts)?;
            let largest = gradients.iter().flatten();
            let largest = largest.fold(0.0, |a: f64, b| a.max(b.abs()));
            for (device, tolerance) in devices() {
                let found = numbers(&build(interpolation, &device)?, &texts)?;
                let what = format!("{interpolation:?}, {}", device.name());
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
    }
    Ok(())
}

/// With c channels, width w, L levels and k classes. The sums over levels are geometric, of 4 for the
/// weights and of 2 for gains and biases.
#[test]
fn there_are_as_many_parameters_as_the_closed_formula_says() -> Result<()> {
    for (c, w, levels, k) in [(3, 8, 3, 5), (1, 4, 2, 2), (2, 6, 1, 4)] {
        let config = UNetConfig {
            channels: c,
            classes: k,
            width: w,
            levels,
            groups: 2,
            interpolation: Interpolation::Bilinear,
            dropout: 0.0,
        };
        let (fours, twos) = (4usize.pow(levels as u32), 2usize.pow(levels as u32));
        // 9 w_l² and 9 w_l² / 2, but for the first; two gains and biases.
        let down = 3 * w * w * (4 * fours - 1) + 9 * c * w + 6 * w * w * (fours - 1);
        let down = down + 4 * w * (2 * twos - 1);
        // 2 w_l² for the way up, 18 w_l² and 9 w_l² for the block; its norms and the bias of the way.
        let up = 29 * w * w * (fours - 1) / 3 + 5 * w * (twos - 1);
        let model = UNet::new(config, 1, &Device::cpu())?;
        assert_eq!(model.parameter_count(), down + up + w * k + k);
        assert_eq!(
            model.parameter_count_without_embeddings(),
            model.parameter_count()
        );
    }
    Ok(())
}

/// Weights in front of relu keep the variance of what it passes on; gains and biases do not decay.
#[test]
fn convolutions_begin_with_the_variance_of_their_inputs() -> Result<()> {
    let config = UNetConfig {
        channels: 1,
        classes: 2,
        width: 32,
        levels: 1,
        groups: 4,
        interpolation: Interpolation::Nearest,
        dropout: 0.0,
    };
    let model = UNet::new(config, 1, &Device::cpu())?;
    let store = model.parameters();
    let values = store.values().read()?;
    for (record, values) in store.records().iter().zip(values) {
        assert_eq!(
            record.decay,
            record.shape.dims().len() == 2,
            "{}",
            record.name
        );
        if record.name.contains("convolution") {
            let inputs = record.shape.rows() as f64;
            let squares = values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>();
            let variance = squares / values.len() as f64;
            // Of n numbers it is within 3 √(2 / n); the smallest weight has 9 x 32.
            let error = (variance * inputs / 2.0 - 1.0).abs();
            let allowed = 3.0 * (2.0 / values.len() as f64).sqrt();
            assert!(error < allowed, "{}: {error}", record.name);
        }
    }
    Ok(())
}
