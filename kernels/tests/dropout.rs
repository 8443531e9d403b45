//! The masks of dropout: the same on every device, and for a batch and its two halves.

use limbeck_engine::{Device, Packed, Result, Tape, Tensor};
use limbeck_kernels::{dropout, dropout_add};

const COLUMNS: usize = 70;

/// `dropout(1)` for sequences of these lengths, the first being number `first` of the step.
fn masks(device: &Device, lengths: &[usize], first: u32, step: u32) -> Result<Vec<f32>> {
    let packed = Packed::new(device, lengths, first)?;
    let tape = Tape::training(device, 42, step);
    let ones = vec![1.0; packed.rows() * COLUMNS];
    let x = tape.constant(device.real(&ones, packed.shape(COLUMNS))?);
    dropout(&tape, &x, packed.coordinates(), 0.3, "layer 0")?
        .tensor()
        .read()
}

#[test]
fn cpu_and_reference_draw_the_same_masks_bit_for_bit() -> Result<()> {
    let lengths = [3, 1, 9];
    let expected = masks(&Device::reference(), &lengths, 0, 5)?;
    assert_eq!(masks(&Device::cpu(), &lengths, 0, 5)?, expected);
    let kept = expected.iter().filter(|&&m| m != 0.0);
    assert!(kept.clone().all(|&m| m == (1.0f64 / 0.7) as f32));
    // 910 draws: four standard deviations of the binomial share are 0.06.
    let share = kept.count() as f64 / expected.len() as f64;
    assert!((share - 0.7).abs() < 0.06, "kept {share}");
    Ok(())
}

#[cfg(feature = "gpu")]
#[test]
fn a_gpu_draws_the_same_masks_bit_for_bit() -> Result<()> {
    let name = std::env::var("LIMBECK_TEST_ADAPTER").unwrap_or_else(|_| "llvmpipe".into());
    let gpu = match Device::gpu_named(&name) {
        Ok(gpu) => gpu,
        Err(error) => {
            let required = std::env::var("LIMBECK_REQUIRE_GPU").is_ok_and(|v| v == "1");
            assert!(!required, "LIMBECK_REQUIRE_GPU=1, but: {error}");
            return Ok(());
        }
    };
    let lengths = [3, 1, 9];
    let expected = masks(&Device::reference(), &lengths, 2, 5)?;
    assert_eq!(masks(&gpu, &lengths, 2, 5)?, expected);
    Ok(())
}

#[test]
fn a_batch_and_its_two_halves_draw_the_same_masks() -> Result<()> {
    let device = Device::cpu();
    let whole = masks(&device, &[3, 1, 9, 2], 0, 5)?;
    let mut halves = masks(&device, &[3, 1], 0, 5)?;
    halves.extend(masks(&device, &[9, 2], 2, 5)?);
    assert_eq!(whole, halves);
    Ok(())
}

#[test]
fn another_step_draws_another_mask() -> Result<()> {
    let device = Device::cpu();
    assert_ne!(masks(&device, &[4], 0, 5)?, masks(&device, &[4], 0, 6)?);
    Ok(())
}

/// Two rows of one sequence.
fn two_rows(device: &Device, columns: usize) -> Result<(Tensor, Packed)> {
    let values: Vec<f32> = (0..2 * columns).map(|i| i as f32).collect();
    Ok((
        device.real(&values, [2, columns])?,
        Packed::new(device, &[2], 0)?,
    ))
}

#[test]
fn off_it_changes_nothing_and_the_residual_is_added() -> Result<()> {
    let device = Device::cpu();
    let (values, packed) = two_rows(&device, 3)?;
    for (tape, probability) in [
        (Tape::deterministic(&device), 0.5),
        (Tape::training(&device, 1, 0), 0.0),
    ] {
        let x = tape.watched(values.clone());
        let at = packed.coordinates();
        let same = dropout(&tape, &x, at, probability, "a")?;
        assert_eq!(same.tensor().read()?, values.read()?);
        let sum = dropout_add(&tape, &same, &x, at, probability, "b")?;
        assert_eq!(sum.tensor().read()?, [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
    }
    Ok(())
}

#[test]
fn a_dropped_element_is_zero_even_where_x_is_not_finite() -> Result<()> {
    let device = Device::cpu();
    let packed = Packed::new(&device, &[2], 0)?;
    let x = device.real(&[f32::NAN; 128], [2, 64])?;
    let tape = Tape::training(&device, 1, 0);
    let y = dropout(&tape, &tape.constant(x), packed.coordinates(), 0.5, "a")?;
    let zeros = y.tensor().read()?.iter().filter(|&&y| y == 0.0).count();
    assert!((20..108).contains(&zeros), "{zeros} of 128 dropped");
    Ok(())
}

#[test]
fn mistakes_are_named_even_where_dropout_is_off() -> Result<()> {
    let device = Device::cpu();
    let (values, packed) = two_rows(&device, 3)?;
    let tape = Tape::inference(&device);
    let x = tape.constant(values);
    for probability in [1.0, -0.1, f64::NAN] {
        let error = dropout(&tape, &x, packed.coordinates(), probability, "attention");
        let message = error.expect_err("no probability").to_string();
        assert!(
            message.contains("attention") && message.contains("below 1"),
            "{message}"
        );
    }
    let error = dropout(&tape, &x, packed.samples(), 0.1, "attention");
    let message = error.expect_err("one sequence, two rows").to_string();
    assert!(
        message.contains("[2, 2]") && message.contains("[1, 2]"),
        "{message}"
    );
    Ok(())
}
