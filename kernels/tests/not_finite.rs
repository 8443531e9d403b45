//! What operators make of numbers that are none: the same on every device, and no further than the
//! formula carries it. A case table compares numbers, and NaN equals nothing.

mod devices;

use limbeck_engine::{Device, Packed, Result, Tape, Var};
use limbeck_kernels::{
    Activation, Interpolation, Pictures, activation, confident_rows, conv1d_max, l1, l2_normalise,
    log_partition, log_softmax, softmax, upsample2d,
};

use devices::devices;

const NAN: f32 = f32::NAN;
const INF: f32 = f32::INFINITY;

/// The bits, with one NaN for all, and one zero.
fn bits(values: &[f32]) -> Vec<u32> {
    let one = |v: &f32| match v {
        v if v.is_nan() => NAN.to_bits(),
        v => (v + 0.0).to_bits(),
    };
    values.iter().map(one).collect()
}

fn assert_same(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(
        bits(found),
        bits(expected),
        "{what}: {found:?}, not {expected:?}"
    );
}

/// What `body` makes of an input, and what of ones behind it comes back to the input.
fn both_ways(
    device: &Device,
    (x, shape): (&[f32], [usize; 2]),
    body: impl Fn(&Tape, &Var) -> Result<Var>,
) -> Result<[Vec<f32>; 2]> {
    let tape = Tape::deterministic(device);
    let x = tape.watched(device.real(x, shape)?);
    let y = body(&tape, &x)?;
    let seed = vec![1.0; y.shape().elements()];
    let gradients = tape.gradients(vec![(&y, device.real(&seed, y.shape())?)])?;
    Ok([y.tensor().read()?, gradients[0].read()?])
}

#[test]
fn activations_keep_what_is_not_a_number() -> Result<()> {
    for device in devices() {
        for (function, at_infinity) in [
            (Activation::Relu, INF),
            (Activation::Gelu, INF),
            (Activation::GeluTanh, INF),
            (Activation::Tanh, 1.0),
            (Activation::Sigmoid, 1.0),
        ] {
            let tape = Tape::inference(&device);
            let x = tape.constant(device.real(&[NAN, 0.0, INF], [3])?);
            let y = activation(&tape, &x, function)?.tensor().read()?;
            let at_zero = if function == Activation::Sigmoid {
                0.5
            } else {
                0.0
            };
            let what = format!("{function:?} on {}", device.name());
            assert_same(&y, &[NAN, at_zero, at_infinity], &what);
        }
        // A fused one: the largest of a sequence, one of whose rows is no number.
        let tape = Tape::inference(&device);
        let x = tape.constant(device.real(&[1.0, NAN, 2.0, 3.0], [4, 1])?);
        let one = tape.constant(device.real(&[1.0], [1, 1])?);
        let zero = tape.constant(device.real(&[0.0], [1])?);
        let packed = Packed::new(&device, &[3, 1], 0)?;
        for residual in [false, true] {
            let relu = Some(Activation::Relu);
            let y = conv1d_max(&tape, &x, &one, &zero, relu, &packed, 1, residual)?;
            let last = if residual { 6.0 } else { 3.0 };
            let what = format!("conv1d_max on {}, residual {residual}", device.name());
            assert_same(&y.tensor().read()?, &[NAN, last], &what);
        }
    }
    Ok(())
}

#[test]
fn a_pixel_reaches_the_enlarged_ones_that_show_it_alone() -> Result<()> {
    let pictures = Pictures {
        count: 1,
        height: 2,
        width: 2,
    };
    for device in devices() {
        for bad in [NAN, INF] {
            let enlarge = |tape: &Tape, x: &Var| {
                let (y, _) = upsample2d(tape, x, pictures, 2, Interpolation::Nearest)?;
                Ok(y)
            };
            let [y, _] = both_ways(&device, (&[bad, 1.0, 2.0, 3.0], [4, 1]), enlarge)?;
            let what = format!("{bad} on {}", device.name());
            let line = [bad, bad, 1.0, 1.0];
            let below = [2.0, 2.0, 3.0, 3.0];
            assert_same(&y, &[line, line, below, below].concat(), &what);

            let tape = Tape::deterministic(&device);
            let x = tape.watched(device.real(&[0.0; 4], [4, 1])?);
            let y = enlarge(&tape, &x)?;
            let mut seed = [1.0; 16];
            seed[15] = bad;
            let gradients = tape.gradients(vec![(&y, device.real(&seed, y.shape())?)])?;
            assert_same(&gradients[0].read()?, &[4.0, 4.0, 4.0, bad], &what);
        }
    }
    Ok(())
}

#[test]
fn a_row_without_a_length_is_no_direction() -> Result<()> {
    for device in devices() {
        let x = [NAN, NAN, 3.0, 4.0, 0.0, 0.0];
        let [y, dx] = both_ways(&device, (&x, [3, 2]), |tape, x| {
            l2_normalise(tape, x, 1e-12)
        })?;
        let what = device.name();
        assert_same(&y, &[NAN, NAN, 0.6, 0.8, 0.0, 0.0], what);
        assert!(dx[..2].iter().all(|dx| dx.is_nan()), "{what}: {dx:?}");
        assert!(dx[2..].iter().all(|dx| dx.is_finite()), "{what}: {dx:?}");
        // The other number of a row is lost with it.
        let [y, _] = both_ways(&device, (&[NAN, 0.0], [1, 2]), |tape, x| {
            l2_normalise(tape, x, 1e-12)
        })?;
        assert_same(&y, &[NAN, NAN], what);
    }
    Ok(())
}

/// ln Z of one row whose scores are these: more of them than a block holds.
fn ln_z(device: &Device, score: impl Fn(usize) -> f32) -> Result<f32> {
    const WORDS: usize = 5000;
    let tape = Tape::inference(device);
    let scores: Vec<f32> = (0..WORDS).map(score).collect();
    let zeros = tape.constant(device.zeros([WORDS, 1])?);
    let h = tape.constant(device.zeros([1, 1])?);
    let bias = tape.constant(device.real(&scores, [WORDS, 1])?);
    Ok(log_partition(&tape, &h, &zeros, &bias)?.tensor().read()?[0])
}

#[test]
fn words_that_cannot_be_leave_the_normaliser_to_the_others() -> Result<()> {
    for device in devices() {
        let what = device.name();
        // Of the first block none, of the last block none, and of neither.
        for possible in [4999, 7] {
            let found = ln_z(&device, |v| if v == possible { 2.0 } else { -INF })?;
            assert_same(&[found], &[2.0], &format!("{possible}, {what}"));
        }
        assert_same(&[ln_z(&device, |_| -INF)?], &[-INF], what);
        let found = ln_z(&device, |v| if v == 7 { NAN } else { -INF })?;
        assert_same(&[found], &[NAN], what);
        let found = ln_z(&device, |v| if v == 4999 { NAN } else { v as f32 })?;
        assert_same(&[found], &[NAN], what);
    }
    Ok(())
}

#[test]
fn where_no_class_can_be_there_are_no_probabilities() -> Result<()> {
    const COLUMNS: usize = 67;
    for device in devices() {
        let tape = Tape::inference(&device);
        let x = tape.constant(device.real(&[-INF; COLUMNS], [1, COLUMNS])?);
        for (name, y) in [
            ("softmax", softmax(&tape, &x)?),
            ("log_softmax", log_softmax(&tape, &x)?),
        ] {
            let what = format!("{name} on {}", device.name());
            assert_same(&y.tensor().read()?, &[NAN; COLUMNS], &what);
        }
        // And nothing to be sure of.
        let sure = confident_rows(&tape, &x, 0.01)?.tensor().read()?;
        assert_same(&sure, &[0.0], device.name());
    }
    Ok(())
}

#[test]
fn equal_infinities_differ_by_no_number() -> Result<()> {
    for device in devices() {
        let tape = Tape::deterministic(&device);
        let a = tape.watched(device.real(&[INF, -INF, INF, NAN], [4, 1])?);
        let b = tape.watched(device.real(&[INF, -INF, 0.0, 0.0], [4, 1])?);
        let loss = l1(&tape, &a, &b)?;
        let what = device.name();
        assert_same(&loss.tensor().read()?, &[NAN, NAN, INF, NAN], what);
        let seed = device.real(&[1.0; 4], [4])?;
        let gradients = tape.gradients(vec![(&loss, seed)])?;
        assert_same(&gradients[0].read()?, &[NAN, NAN, 1.0, NAN], what);
        assert_same(&gradients[1].read()?, &[NAN, NAN, -1.0, NAN], what);
    }
    Ok(())
}
