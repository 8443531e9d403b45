//! attention and conv1d: no sequence sees another, a number that is not finite does not get lost,
//! and a batch and its two halves give the same bits.

use limbeck_engine::{Device, Packed, Result, Tape};
use limbeck_kernels::{attention, conv1d};

const LENGTHS: [usize; 4] = [70, 3, 1, 33];
const HEADS: usize = 2;
const WIDTH: usize = 8;
const KERNEL: usize = 4;

fn devices() -> Vec<Device> {
    #[cfg(feature = "gpu")]
    {
        let name = std::env::var("LIMBECK_TEST_ADAPTER").unwrap_or_else(|_| "llvmpipe".into());
        match Device::gpu_named(&name) {
            Ok(gpu) => return vec![Device::reference(), Device::cpu(), gpu],
            Err(error) => {
                let required = std::env::var("LIMBECK_REQUIRE_GPU").is_ok_and(|v| v == "1");
                assert!(!required, "LIMBECK_REQUIRE_GPU=1, but: {error}");
            }
        }
    }
    vec![Device::reference(), Device::cpu()]
}

/// Some numbers for the rows of all sequences.
fn numbers(columns: usize) -> Vec<f32> {
    let count = LENGTHS.iter().sum::<usize>() * columns;
    (0..count)
        .map(|i| ((i * 37 + i / 11) % 101) as f32 / 50.0 - 1.0)
        .collect()
}

/// attention with dropout, of rows of sequences that start at number `first`.
fn attend(device: &Device, qkv: &[f32], lengths: &[usize], first: u32) -> Result<Vec<f32>> {
    let packed = Packed::new(device, lengths, first)?;
    let tape = Tape::training(device, 4, 2);
    let qkv = tape.constant(device.real(qkv, packed.shape(3 * WIDTH))?);
    let y = attention(&tape, &qkv, &packed, HEADS, 0.4, "layer 0")?;
    y.tensor().read()
}

fn convolve(device: &Device, x: &[f32], lengths: &[usize]) -> Result<Vec<f32>> {
    let packed = Packed::new(device, lengths, 0)?;
    let tape = Tape::inference(device);
    let x = tape.constant(device.real(x, packed.shape(WIDTH))?);
    let w = &numbers(WIDTH)[..KERNEL * WIDTH * 2];
    let w = tape.constant(device.real(w, [KERNEL * WIDTH, 2])?);
    conv1d(&tape, &x, &w, None, None, &packed, KERNEL)?
        .tensor()
        .read()
}

/// The rows that hold a NaN.
fn nan_rows(values: &[f32], columns: usize) -> Vec<usize> {
    let rows = values.chunks(columns).enumerate();
    rows.filter(|(_, row)| row.iter().any(|v| v.is_nan()))
        .map(|(row, _)| row)
        .collect()
}

#[test]
fn a_batch_and_its_two_halves_give_the_same_bits() -> Result<()> {
    for device in devices() {
        let qkv = numbers(3 * WIDTH);
        let (left, right) = qkv.split_at((70 + 3) * 3 * WIDTH);
        let mut halves = attend(&device, left, &LENGTHS[..2], 0)?;
        halves.extend(attend(&device, right, &LENGTHS[2..], 2)?);
        let whole = attend(&device, &qkv, &LENGTHS, 0)?;
        assert_eq!(whole, halves, "{}", device.name());
    }
    Ok(())
}

#[test]
fn attention_keeps_what_is_not_finite_in_its_row_or_sequence() -> Result<()> {
    for device in devices() {
        let mut qkv = numbers(3 * WIDTH);
        let row = 65;
        qkv[row * 3 * WIDTH + 1] = f32::NAN;
        let y = attend(&device, &qkv, &LENGTHS, 0)?;
        assert_eq!(nan_rows(&y, WIDTH), [row], "a query, {}", device.name());
        let mut qkv = numbers(3 * WIDTH);
        qkv[71 * 3 * WIDTH + WIDTH] = f32::NAN;
        let y = attend(&device, &qkv, &LENGTHS, 0)?;
        assert_eq!(
            nan_rows(&y, WIDTH),
            [70, 71, 72],
            "a key, {}",
            device.name()
        );
    }
    Ok(())
}

#[test]
fn conv1d_sees_its_neighbours_in_the_same_sequence_alone() -> Result<()> {
    for device in devices() {
        // The last row of the first sequence; a window reaches one row back and two ahead.
        let mut x = numbers(WIDTH);
        x[69 * WIDTH] = f32::NAN;
        let y = convolve(&device, &x, &LENGTHS)?;
        assert_eq!(nan_rows(&y, 2), [67, 68, 69], "{}", device.name());
        // The first row of the second.
        let mut x = numbers(WIDTH);
        x[70 * WIDTH] = f32::NAN;
        let y = convolve(&device, &x, &LENGTHS)?;
        assert_eq!(nan_rows(&y, 2), [70, 71], "{}", device.name());
    }
    Ok(())
}
