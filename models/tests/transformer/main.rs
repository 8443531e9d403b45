//! Transformer encoders and decoders as parts, and the classifier made of both, on every device.
//!
//! The GPU needs an adapter: `LIMBECK_TEST_ADAPTER` names it (default `llvmpipe`), and
//! `LIMBECK_REQUIRE_GPU=1` turns a missing one into a failure.

mod checkpointing;
mod decoder;
mod encoder;
mod seq2seq;

use limbeck_engine::{Device, Stream};
use limbeck_models::{LayerFunctions, NormPosition, StackConfig};

const NORMS: [NormPosition; 2] = [NormPosition::Pre, NormPosition::Post];

/// The devices, and how far their numbers may be from the reference's: a hundred operations of f32
/// on numbers around 1, each rounded by 6e-8.
fn devices() -> Vec<(Device, f64)> {
    let mut devices = vec![(Device::reference(), 1e-12), (Device::cpu(), 1e-5)];
    devices.extend(gpu().map(|gpu| (gpu, 1e-5)));
    devices
}

#[cfg(feature = "gpu")]
fn gpu() -> Option<Device> {
    let name = std::env::var("LIMBECK_TEST_ADAPTER").unwrap_or_else(|_| "llvmpipe".into());
    match Device::gpu_named(&name) {
        Ok(gpu) => Some(gpu),
        Err(error) => {
            let required = std::env::var("LIMBECK_REQUIRE_GPU").is_ok_and(|v| v == "1");
            assert!(!required, "LIMBECK_REQUIRE_GPU=1, but: {error}");
            None
        }
    }
}

#[cfg(not(feature = "gpu"))]
fn gpu() -> Option<Device> {
    None
}

/// Sizes of a stack of two layers.
fn stack(norm: NormPosition, dropout: f64) -> StackConfig {
    StackConfig {
        hidden_size: WIDTH,
        layers: 2,
        heads: 2,
        feed_forward_size: 10,
        dropout,
        attention_dropout: dropout,
        norm,
        functions: LayerFunctions::default(),
        gradient_checkpointing: false,
    }
}

/// Width of all states.
const WIDTH: usize = 8;

/// Rows of normally distributed numbers, named so that others differ.
fn rows(name: &str, rows: usize) -> Vec<f32> {
    let stream = Stream::new(5, name, 0);
    let numbers = (0..rows * WIDTH).map(|i| stream.normal(i as u32, 0) as f32);
    numbers.collect()
}

/// The largest difference.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    // NaN is farther than anything.
    differences.fold(0.0, |worst, d| if d <= worst { worst } else { d })
}
