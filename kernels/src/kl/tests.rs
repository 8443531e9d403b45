//! What the case table cannot say: exact zeros, and which side learns.

use limbeck_engine::{Device, Tape};

use super::{Temperatures, kl, soft_cross_entropy};

/// Every device there is.
fn devices() -> Vec<Device> {
    let mut devices = vec![Device::cpu(), Device::reference()];
    #[cfg(feature = "gpu")]
    devices.extend(Device::gpu_named("llvmpipe").ok());
    devices
}

#[test]
fn identical_sides_give_exactly_zero_and_no_gradient() {
    let logits: Vec<f32> = (0..4 * 37)
        .map(|i| ((i * 31 % 23) as f32 - 11.0) * 1.37)
        .collect();
    for device in devices() {
        for temperature in [1.0, 0.4, 3.0] {
            let tape = Tape::deterministic(&device);
            let upload = || Ok(tape.watched(device.real(&logits, [4, 37])?));
            let run = || {
                let (p, q) = (upload()?, upload()?);
                let loss = kl(&tape, &p, &q, Temperatures::equal(temperature))?;
                assert_eq!(
                    loss.tensor().read()?,
                    [0.0; 4],
                    "{device:?}, τ {temperature}"
                );
                let seed = device.real(&[1.0; 4], [4])?;
                Ok::<_, limbeck_engine::Error>((loss, seed))
            };
            let (loss, seed) = run().expect("kl runs");
            let gradients = tape.gradients(vec![(&loss, seed)]).expect("kl runs back");
            for gradient in gradients {
                let gradient = gradient.read().expect("real numbers");
                assert!(
                    gradient.iter().all(|&g| g == 0.0),
                    "{device:?}, τ {temperature}"
                );
            }
        }
    }
}

#[test]
fn it_is_not_symmetric() -> limbeck_engine::Result<()> {
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
fn a_teacher_gets_no_gradient() -> limbeck_engine::Result<()> {
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
fn temperatures_must_be_positive() -> limbeck_engine::Result<()> {
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
