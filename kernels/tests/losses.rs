//! What the case tables cannot say of the losses: exact zeros, which side learns, and that a number
//! that is not finite stays in its row and is seen.

use limbeck_engine::{Device, Result, Tape, Var};
use limbeck_kernels::{
    ClassWeights, Labels, Temperatures, binary_cross_entropy, cross_entropy, kl, log_softmax, mse,
    soft_cross_entropy, softmax, squared_hinge,
};

/// Both host devices, and a GPU if there is one.
fn devices() -> impl Iterator<Item = Device> {
    [Device::reference(), Device::cpu()]
        .into_iter()
        .chain(gpu())
}

#[cfg(feature = "gpu")]
fn gpu() -> Option<Device> {
    let name = std::env::var("LIMBECK_TEST_ADAPTER").unwrap_or_else(|_| "llvmpipe".into());
    let required = std::env::var("LIMBECK_REQUIRE_GPU").is_ok_and(|v| v == "1");
    let opened = Device::gpu_named(&name);
    assert!(
        opened.is_ok() || !required,
        "LIMBECK_REQUIRE_GPU=1, but: {opened:?}"
    );
    opened.ok()
}

#[cfg(not(feature = "gpu"))]
fn gpu() -> Option<Device> {
    None
}

#[test]
fn identical_sides_give_exactly_zero_and_no_gradient() -> Result<()> {
    let logits: Vec<f32> = (0..4 * 37)
        .map(|i| ((i * 31 % 23) as f32 - 11.0) * 1.37)
        .collect();
    for device in devices() {
        for temperature in [1.0, 0.4, 3.0] {
            let tape = Tape::deterministic(&device);
            let [p, q] = [0, 1].map(|_| device.real(&logits, [4, 37]));
            let (p, q) = (tape.watched(p?), tape.watched(q?));
            let loss = kl(&tape, &p, &q, Temperatures::equal(temperature))?;
            let what = format!("{device:?}, τ {temperature}");
            assert_eq!(loss.tensor().read()?, [0.0; 4], "{what}");
            let seed = device.real(&[1.0; 4], [4])?;
            for gradient in tape.gradients(vec![(&loss, seed)])? {
                assert!(gradient.read()?.iter().all(|&g| g == 0.0), "{what}");
            }
        }
    }
    Ok(())
}

#[test]
fn it_is_not_symmetric() -> Result<()> {
    let device = Device::reference();
    let tape = Tape::inference(&device);
    let p = tape.constant(device.real_f64(&[9f64.ln(), 0.0], [1, 2])?);
    let q = tape.constant(device.real_f64(&[0.0, 0.0], [1, 2])?);
    let plain = Temperatures::equal(1.0);
    let forth = kl(&tape, &p, &q, plain)?.tensor().item()?;
    let back = kl(&tape, &q, &p, plain)?.tensor().item()?;
    // 0.9 ln 1.8 + 0.1 ln 0.2 and 0.5 ln(0.5/0.9) + 0.5 ln(0.5/0.1); logits rounded to f32 never
    // enter, since the reference device keeps f64.
    assert!((forth - (0.9 * 1.8f64.ln() + 0.1 * 0.2f64.ln())).abs() < 1e-12);
    assert!((back - (0.5 * (5.0f64 / 9.0).ln() + 0.5 * 5.0f64.ln())).abs() < 1e-12);
    Ok(())
}

#[test]
fn a_teacher_gets_no_gradient() -> Result<()> {
    let device = Device::cpu();
    let tape = Tape::deterministic(&device);
    let student = tape.watched(device.real(&[0.5, -1.0, 0.0], [1, 3])?);
    let teacher = tape.watched(device.real(&[2.0, 0.0, -1.0], [1, 3])?);
    let loss = soft_cross_entropy(&tape, &student, &teacher, 2.0)?;
    let seed = device.real(&[1.0], [1])?;
    let gradients = tape.gradients(vec![(&loss, seed)])?;
    assert!(gradients[0].read()?.iter().all(|&g| g != 0.0));
    assert_eq!(gradients[1].read()?, [0.0; 3]);
    Ok(())
}

#[test]
fn temperatures_must_be_positive() -> Result<()> {
    let device = Device::cpu();
    let tape = Tape::inference(&device);
    let z = tape.constant(device.zeros([1, 2])?);
    for temperature in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        let error = soft_cross_entropy(&tape, &z, &z, temperature).expect_err("refused");
        assert!(
            error.to_string().contains("temperatures must be positive"),
            "{error}"
        );
    }
    Ok(())
}

#[test]
fn what_is_not_finite_stays_in_its_row_and_is_seen() -> Result<()> {
    const COLUMNS: usize = 67;
    for device in devices() {
        for (bad, at) in [
            (f32::NAN, 3..4),
            (f32::NAN, 66..67),
            (f32::INFINITY, 64..65),
            // No class is left that could have a probability.
            (f32::NEG_INFINITY, 0..COLUMNS),
        ] {
            let tape = Tape::inference(&device);
            let mut values: Vec<f32> = (0..3 * COLUMNS).map(|i| (i % 7) as f32 - 3.0).collect();
            let good = tape.constant(device.real(&values, [3, COLUMNS])?);
            values[COLUMNS..][at.clone()].fill(bad);
            let spoilt = tape.constant(device.real(&values, [3, COLUMNS])?);
            let labels = Labels::new(&device, &[3, 3, 66], COLUMNS)?;
            let weights = ClassWeights::new(&device, &[1.0; COLUMNS])?;
            let targets = device.real(&[0.5; 3 * COLUMNS], [3, COLUMNS])?;
            let plain = Temperatures::equal(1.0);
            let results: Vec<(&str, Var)> = vec![
                ("softmax", softmax(&tape, &spoilt)?),
                ("log_softmax", log_softmax(&tape, &spoilt)?),
                (
                    "cross_entropy",
                    cross_entropy(&tape, &spoilt, &labels, Some(&weights))?,
                ),
                ("kl of p", kl(&tape, &spoilt, &good, plain)?),
                ("kl of q", kl(&tape, &good, &spoilt, plain)?),
                (
                    "soft_cross_entropy",
                    soft_cross_entropy(&tape, &spoilt, &good, 2.0)?,
                ),
                (
                    "binary_cross_entropy",
                    binary_cross_entropy(&tape, &spoilt, &targets)?,
                ),
                ("squared_hinge", squared_hinge(&tape, &spoilt, &labels)?),
                ("mse", mse(&tape, &spoilt, &good)?),
            ];
            for (name, result) in results {
                let values = result.tensor().read()?;
                let finite = |row: &[f32]| row.iter().all(|v| v.is_finite());
                let rows: Vec<bool> = values.chunks(values.len() / 3).map(finite).collect();
                assert_eq!(
                    rows,
                    [true, false, true],
                    "{name} on {device:?}: {bad} at {at:?}"
                );
            }
        }
    }
    Ok(())
}

#[test]
fn class_weights_of_one_change_nothing_and_of_zero_silence_a_class() -> Result<()> {
    for device in devices() {
        let tape = Tape::inference(&device);
        let logits: Vec<f32> = (0..12).map(|i| (i * 5 % 7) as f32).collect();
        let logits = tape.constant(device.real(&logits, [4, 3])?);
        let labels = Labels::new(&device, &[0, 1, 2, 1], 3)?;
        let loss = |weights: Option<&ClassWeights>| {
            cross_entropy(&tape, &logits, &labels, weights)?
                .tensor()
                .read()
        };
        let plain = loss(None)?;
        let ones = ClassWeights::new(&device, &[1.0; 3])?;
        assert_eq!(loss(Some(&ones))?, plain, "{device:?}");
        let silent = ClassWeights::new(&device, &[1.0, 0.0, 1.0])?;
        assert_eq!(
            loss(Some(&silent))?,
            [plain[0], 0.0, plain[2], 0.0],
            "{device:?}"
        );
    }
    Ok(())
}

#[test]
fn what_does_not_fit_is_refused_with_its_place() -> Result<()> {
    let device = Device::cpu();
    let tape = Tape::inference(&device);
    let error = Labels::new(&device, &[0, 1, 7], 3).expect_err("a label out of range");
    assert!(
        error
            .to_string()
            .contains("row 2 has label 7, but there are 3 classes"),
        "{error}"
    );
    let error = ClassWeights::new(&device, &[1.0, -1.0]).expect_err("a negative weight");
    assert!(error.to_string().contains("class 1"), "{error}");

    let logits = tape.constant(device.zeros([2, 4])?);
    let labels = Labels::new(&device, &[0, 1], 3)?;
    let error = cross_entropy(&tape, &logits, &labels, None).expect_err("other classes");
    assert!(
        error.to_string().contains("labels are of 3 classes"),
        "{error}"
    );
    let labels = Labels::new(&device, &[0, 1, 2], 4)?;
    let error = squared_hinge(&tape, &logits, &labels).expect_err("other rows");
    assert!(error.to_string().contains("[2], found Ids [3]"), "{error}");
    let other = tape.constant(device.zeros([2, 5])?);
    let error = mse(&tape, &logits, &other).expect_err("other columns");
    assert!(error.to_string().contains("[2, 4]"), "{error}");
    let none = tape.constant(device.zeros([2, 0])?);
    let error = softmax(&tape, &none).expect_err("no columns");
    assert!(error.to_string().contains("at least one column"), "{error}");
    Ok(())
}
