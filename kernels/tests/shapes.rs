//! Operators on shapes that no one thought of: the CPU against the reference, outputs and
//! gradients. The seed is fixed, so that everybody tests the same shapes.

use std::sync::{Mutex, PoisonError};

use limbeck_engine::{Device, Stream, set_parallel_threshold};
use limbeck_kernels::harness::{Case, Draw, Tolerance, compare, outcome, packed_ids};
use limbeck_kernels::{
    Activation, Attention, Conv1d, Conv2d, Conv2dOptions, LayerNorm, Linear, Pictures, Window,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 32,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Runs a case whole and in the smallest parts.
fn agrees(case: &Case) -> Result<(), TestCaseError> {
    static THRESHOLD: Mutex<()> = Mutex::new(());
    let _guard = THRESHOLD.lock().unwrap_or_else(PoisonError::into_inner);
    let failed = |error: limbeck_engine::Error| TestCaseError::fail(error.to_string());
    let expected = outcome(case, &Device::reference()).map_err(failed)?;
    for threshold in [1, 1 << 15] {
        set_parallel_threshold(threshold);
        let found = outcome(case, &Device::cpu()).map_err(failed)?;
        let (worst, allowed) = (compare(&found, &expected).worst(), case.tolerance.cpu);
        prop_assert!(
            worst <= allowed,
            "{} at threshold {threshold}: error {worst:.1e}, allowed {allowed:.0e}",
            case.name
        );
    }
    Ok(())
}

fn activations() -> impl Strategy<Value = Option<Activation>> {
    // Without relu: near its kink, rounding decides which gradient is right.
    prop::sample::select(vec![None, Some(Activation::Gelu), Some(Activation::Tanh)])
}

fn lengths() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1..50usize, 1..6)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn linear(
        (rows, inputs, outputs) in (1..100usize, 1..100usize, 1..100usize),
        bias in any::<bool>(),
        activation in activations(),
    ) {
        let name = format!("{rows} x {inputs} x {outputs}, bias {bias}, {activation:?}");
        let case = Case::new(name, Linear { bias, activation, transposed: false })
            .real(Draw::new("x"), [rows, inputs])
            .real(Draw::new("w"), [inputs, outputs])
            .tolerance(Tolerance::LONG);
        agrees(&if bias { case.real(Draw::new("b"), [outputs]) } else { case })?;
    }

    #[test]
    fn conv1d(
        lengths in lengths(),
        (kernel_size, inputs, outputs) in (1..10usize, 1..40usize, 1..40usize),
        bias in any::<bool>(),
        activation in activations(),
    ) {
        let name = format!("{lengths:?}, {kernel_size} x {inputs} x {outputs}, {activation:?}");
        let rows = lengths.iter().sum();
        let coordinates = packed_ids(&lengths).coordinates;
        let operator = Conv1d { lengths: lengths.into(), kernel_size, bias, activation };
        let case = Case::new(name, operator)
            .real(Draw::new("x"), [rows, inputs])
            .real(Draw::new("w"), [kernel_size * inputs, outputs])
            .ids(&coordinates, [rows, 2])
            .tolerance(Tolerance::LONG);
        agrees(&if bias { case.real(Draw::new("b"), [outputs]) } else { case })?;
    }

    #[test]
    fn conv2d(
        (count, height, width) in (1..4usize, 1..12usize, 1..12usize),
        size in (1..5usize, 1..5usize),
        stride in (1..4usize, 1..4usize),
        padding in (0..5usize, 0..5usize, 0..5usize, 0..5usize),
        (inputs, outputs, depthwise) in (1..20usize, 1..20usize, any::<bool>()),
        (bias, activation) in (any::<bool>(), activations()),
    ) {
        let pictures = Pictures { count, height, width };
        let (top, left, bottom, right) = padding;
        let window = Window {
            size: [size.0, size.1],
            stride: [stride.0, stride.1],
            // Padding is less than the window; what does not fit even so is no convolution.
            padding: [top % size.0, left % size.1, bottom % size.0, right % size.1],
        };
        prop_assume!(window.results(pictures).is_ok());
        let groups = if depthwise { inputs } else { 1 };
        let outputs = if depthwise { inputs * outputs.min(3) } else { outputs };
        let options = Conv2dOptions { window, groups, activation };
        let name = format!("{pictures:?}, {options:?}, {inputs} to {outputs}, bias {bias}");
        let rows = window.taps() * inputs / groups;
        let case = Case::new(name, Conv2d { pictures, options, bias })
            .real(Draw::new("x"), [pictures.rows(), inputs])
            .real(Draw::new("w"), [rows, outputs])
            .tolerance(Tolerance::LONG);
        agrees(&if bias { case.real(Draw::new("b"), [outputs]) } else { case })?;
    }

    #[test]
    fn attention(
        lengths in lengths(),
        (heads, head_size) in (1..5usize, 1..40usize),
        dropout in prop::sample::select(vec![0.0, 0.3]),
        causal in any::<bool>(),
    ) {
        let name = format!(
            "{lengths:?}, {heads} heads of {head_size}, dropout {dropout}, causal {causal}"
        );
        let (rows, sequences) = (lengths.iter().sum(), lengths.len());
        let ids = packed_ids(&lengths);
        let stream = Some(Stream::new(3, "attention", 17));
        let operator = Attention { lengths: lengths.into(), heads, dropout, stream, causal };
        let case = Case::new(name, operator)
            .real(Draw::new("qkv"), [rows, 3 * heads * head_size])
            .ids(&ids.offsets, [sequences + 1])
            .ids(&ids.coordinates, [rows, 2])
            .tolerance(Tolerance::LONG);
        agrees(&case)?;
    }

    #[test]
    fn layer_norm(
        // In few columns the gradient is a small difference of large numbers.
        (rows, columns) in (1..100usize, 8..300usize),
        [residual, gain, bias] in any::<[bool; 3]>(),
    ) {
        let name = format!("{rows} x {columns}, {residual} {gain} {bias}");
        let operator = LayerNorm { residual, gain, bias, epsilon: 1e-5 };
        let mut case = Case::new(name, operator)
            .real(Draw::new("x"), [rows, columns])
            .tolerance(Tolerance::LONG);
        if residual {
            case = case.real(Draw::new("residual"), [rows, columns]);
        }
        for (_, name) in [(gain, "gain"), (bias, "bias")].iter().filter(|(present, _)| *present) {
            case = case.real(Draw::new(name), [columns]);
        }
        agrees(&case)?;
    }
}
