//! attention, cross_attention and conv1d: no sequence sees another, a number that is not finite
//! does not get lost, and a batch and its two halves give the same bits.

use limbeck_engine::{Device, Packed, Result, Tape};
use limbeck_kernels::{attention, causal_attention, conv1d, cross_attention};

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

/// The same where no row sees a later one.
fn attend_causally(device: &Device, qkv: &[f32]) -> Result<Vec<f32>> {
    let packed = Packed::new(device, &LENGTHS, 0)?;
    let tape = Tape::training(device, 4, 2);
    let qkv = tape.constant(device.real(qkv, packed.shape(3 * WIDTH))?);
    let y = causal_attention(&tape, &qkv, &packed, HEADS, 0.4, "layer 0")?;
    y.tensor().read()
}

/// The lengths of the target sequences whose sources have [`LENGTHS`].
const TARGETS: [usize; 4] = [2, 40, 3, 1];

/// cross_attention with dropout, from some of the target sequences to their sources.
fn read_source(
    device: &Device,
    (queries, keys_values): (&[f32], &[f32]),
    sequences: std::ops::Range<usize>,
) -> Result<Vec<f32>> {
    let first = sequences.start as u32;
    let target = Packed::new(device, &TARGETS[sequences.clone()], first)?;
    let source = Packed::new(device, &LENGTHS[sequences], first)?;
    let tape = Tape::training(device, 4, 2);
    let queries = tape.constant(device.real(queries, target.shape(WIDTH))?);
    let keys_values = tape.constant(device.real(keys_values, source.shape(2 * WIDTH))?);
    let (queries, keys_values) = ((&queries, &target), (&keys_values, &source));
    let y = cross_attention(&tape, queries, keys_values, HEADS, 0.4, "layer 0")?;
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

#[test]
fn causal_rows_see_what_is_not_later() -> Result<()> {
    for device in devices() {
        let mut qkv = numbers(3 * WIDTH);
        let before = attend_causally(&device, &qkv)?;
        // All of row 33 of the first sequence, which is longer than a tile.
        qkv[33 * 3 * WIDTH..34 * 3 * WIDTH]
            .iter_mut()
            .for_each(|x| *x += 0.5);
        let after = attend_causally(&device, &qkv)?;
        let rows = before.chunks(WIDTH).zip(after.chunks(WIDTH)).enumerate();
        let changed = rows.filter(|(_, (before, after))| before != after);
        let changed: Vec<usize> = changed.map(|(row, _)| row).collect();
        // The softmax of a later row changes even where the new weight itself is dropped.
        let expected: Vec<usize> = (33..70).collect();
        assert_eq!(changed, expected, "{}", device.name());
    }
    Ok(())
}

#[test]
fn a_target_sequence_reads_its_own_source_alone() -> Result<()> {
    for device in devices() {
        let queries = &numbers(WIDTH)[..TARGETS.iter().sum::<usize>() * WIDTH];
        let mut keys_values = numbers(2 * WIDTH);
        let whole = read_source(&device, (queries, &keys_values), 0..4)?;
        let (left, right) = queries.split_at((2 + 40) * WIDTH);
        let (above, below) = keys_values.split_at((70 + 3) * 2 * WIDTH);
        let mut halves = read_source(&device, (left, above), 0..2)?;
        halves.extend(read_source(&device, (right, below), 2..4)?);
        assert_eq!(whole, halves, "{}", device.name());
        // A key of the third source sequence.
        keys_values[73 * 2 * WIDTH] = f32::NAN;
        let y = read_source(&device, (queries, &keys_values), 0..4)?;
        assert_eq!(nan_rows(&y, WIDTH), [42, 43, 44], "{}", device.name());
    }
    Ok(())
}
