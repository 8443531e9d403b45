//! What one model hands to another, against plain sums in f64.

use limbeck_engine::{Device, Tape, Var};
use limbeck_losses::{transfer_kl, transfer_kl_of_probabilities, transfer_mse};

const TEXTS: usize = 4;
const WIDTH: usize = 3;
const TEMPERATURE: f64 = 2.0;
const WEIGHTS: [f32; TEXTS] = [1.0, 0.3, 0.0, 1.0];
const SENDER: [f32; 12] = [
    0.5, -1.0, 2.0, 0.1, 0.2, 0.3, 4.0, -2.0, 0.0, -0.7, 1.1, 0.9,
];
const RECEIVER: [f32; 12] = [
    1.5, 0.0, -1.0, 0.3, -0.4, 0.5, 0.0, 0.6, -0.9, 2.0, 1.0, -3.0,
];

fn softmax(scores: &[f32], temperature: f64) -> Vec<f64> {
    let powers: Vec<f64> = scores
        .iter()
        .map(|&z| (f64::from(z) / temperature).exp())
        .collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|p| p / sum).collect()
}

/// Value, and gradients of sender and receiver.
fn run(loss: impl Fn(&Tape, &Var, &Var, &Var) -> Var) -> (f64, Vec<f64>, Vec<f64>) {
    let device = Device::reference();
    let tape = Tape::deterministic(&device);
    let watched = |values: &[f32]| tape.watched(device.real(values, [TEXTS, WIDTH]).expect("fits"));
    let (sender, receiver) = (watched(&SENDER), watched(&RECEIVER));
    let weights = tape.constant(device.real(&WEIGHTS, [TEXTS]).expect("fits"));
    let value = loss(&tape, &sender, &receiver, &weights);
    let one = device.real(&[1.0], [1]).expect("fits");
    let gradients = tape.gradients(vec![(&value, one)]).expect("gradients");
    let read = |number: usize| gradients[number].read_f64().expect("numbers");
    (value.tensor().item().expect("a number"), read(0), read(1))
}

/// (1/n) Σ w_i τ² KL(p || softmax(receiver/τ)), and its gradient (1/n) w_i τ (q - p).
fn expected_kl(p: impl Fn(usize) -> Vec<f64>, weights: &[f32]) -> (f64, Vec<f64>) {
    let (mut value, mut gradient) = (0.0, Vec::new());
    for (i, row) in RECEIVER.chunks(WIDTH).enumerate() {
        let (p, q) = (p(i), softmax(row, TEMPERATURE));
        let weight = f64::from(weights[i]) / TEXTS as f64;
        let kl: f64 = p.iter().zip(&q).map(|(p, q)| p * (p / q).ln()).sum();
        value += weight * TEMPERATURE * TEMPERATURE * kl;
        gradient.extend(
            p.iter()
                .zip(&q)
                .map(|(p, q)| weight * TEMPERATURE * (q - p)),
        );
    }
    (value, gradient)
}

fn close(found: &[f64], expected: &[f64]) {
    for (a, b) in found.iter().zip(expected) {
        // In f64; the inputs are exact in f32.
        assert!((a - b).abs() < 1e-9, "{found:?} {expected:?}");
    }
}

#[test]
fn the_divergence_has_its_factor_its_weights_and_no_gradient_for_the_sender() {
    let sender = |i: usize| softmax(&SENDER[i * WIDTH..][..WIDTH], TEMPERATURE);
    let temperature = TEMPERATURE as f32;
    let (value, to_sender, to_receiver) =
        run(|tape, s, r, w| transfer_kl(tape, s, r, temperature, Some(w)).expect("a loss"));
    let (expected, gradient) = expected_kl(sender, &WEIGHTS);
    close(&[value], &[expected]);
    close(&to_receiver, &gradient);
    assert!(to_sender.iter().all(|g| *g == 0.0));
    let (value, ..) =
        run(|tape, s, r, _| transfer_kl(tape, s, r, temperature, None).expect("a loss"));
    close(&[value], &[expected_kl(sender, &[1.0; TEXTS]).0]);
}

#[test]
fn probabilities_are_not_divided_by_the_temperature_again() {
    // Whatever the sender's rows are, as logarithms they stand for their softmax at 1.
    let sender = |i: usize| softmax(&SENDER[i * WIDTH..][..WIDTH], 1.0);
    let (value, to_sender, to_receiver) = run(|tape, s, r, w| {
        transfer_kl_of_probabilities(tape, s, r, TEMPERATURE as f32, Some(w)).expect("a loss")
    });
    let (expected, gradient) = expected_kl(sender, &WEIGHTS);
    close(&[value], &[expected]);
    close(&to_receiver, &gradient);
    assert!(to_sender.iter().all(|g| *g == 0.0));
}

#[test]
fn the_squared_error_is_a_mean_over_components_and_weighted_over_samples() {
    let (value, _, to_receiver) =
        run(|tape, s, r, w| transfer_mse(tape, s, r, Some(w)).expect("a loss"));
    let (mut expected, mut gradient) = (0.0, Vec::new());
    for (i, (s, r)) in SENDER.iter().zip(RECEIVER).enumerate() {
        let difference = f64::from(r) - f64::from(*s);
        let weight = f64::from(WEIGHTS[i / WIDTH]) / (TEXTS * WIDTH) as f64;
        expected += weight * difference * difference;
        gradient.push(2.0 * weight * difference);
    }
    close(&[value], &[expected]);
    close(&to_receiver, &gradient);
}
