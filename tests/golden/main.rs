//! What PyTorch computes in f64, and what conlleval counts, reproduced: see README.md in this folder.
//!
//! The GPU needs an adapter: `LIMBECK_TEST_ADAPTER` names it (default `llvmpipe`), and
//! `LIMBECK_REQUIRE_GPU=1` turns a missing one into a failure.

mod compare;
mod decoder;
mod files;
mod graphs;
mod language;
mod models;
mod networks;
mod parameters;
mod pictures;
mod pretrained;
mod schedules;
mod sequence_losses;
mod sizes;
mod spans;
mod tagger;
mod updates;

use compare::Tolerance;
use limbeck::engine::Device;

#[test]
fn the_reference_device_reproduces_every_model() {
    models::check(&Device::reference(), &Tolerance::REFERENCE);
}

#[test]
fn the_cpu_reproduces_every_model() {
    models::check(&Device::cpu(), &Tolerance::SINGLE);
}

#[test]
fn the_reference_device_reproduces_every_decoder() {
    decoder::check(&Device::reference(), &Tolerance::REFERENCE);
}

#[test]
fn the_cpu_reproduces_every_decoder() {
    decoder::check(&Device::cpu(), &Tolerance::SINGLE);
}

#[test]
fn the_reference_device_reproduces_every_tagger() {
    tagger::check(&Device::reference(), &Tolerance::REFERENCE);
}

#[test]
fn the_cpu_reproduces_every_tagger() {
    tagger::check(&Device::cpu(), &Tolerance::SINGLE);
}

#[test]
fn the_reference_device_reproduces_every_language_model() {
    language::check(&Device::reference(), &Tolerance::REFERENCE);
}

#[test]
fn the_cpu_reproduces_every_language_model() {
    language::check(&Device::cpu(), &Tolerance::SINGLE);
}

#[test]
fn the_reference_device_reproduces_every_update() {
    updates::check(&Device::reference(), &Tolerance::REFERENCE);
}

#[test]
fn the_cpu_reproduces_every_update() {
    updates::check(&Device::cpu(), &Tolerance::SINGLE);
}

#[test]
fn the_reference_device_reproduces_every_sequence_loss() {
    sequence_losses::check(&Device::reference(), Tolerance::REFERENCE.losses);
}

#[test]
fn the_cpu_reproduces_every_sequence_loss() {
    sequence_losses::check(&Device::cpu(), sequence_losses::SINGLE);
}

#[test]
fn the_reference_device_reproduces_every_operator_on_pictures() {
    pictures::check(&Device::reference(), Tolerance::REFERENCE.values);
}

#[test]
fn the_cpu_reproduces_every_operator_on_pictures() {
    pictures::check(&Device::cpu(), pictures::SINGLE);
}

#[test]
fn the_reference_device_reproduces_every_pretrained_encoder() {
    pretrained::check(&Device::reference(), pretrained::REFERENCE);
}

#[test]
fn the_cpu_reproduces_every_pretrained_encoder() {
    pretrained::check(&Device::cpu(), pretrained::SINGLE);
}

#[test]
fn the_cpu_reproduces_minilm() {
    pretrained::check_minilm(&Device::cpu());
}

#[cfg(feature = "gpu")]
#[test]
fn the_gpu_reproduces_every_pretrained_encoder() {
    if let Some(device) = gpu() {
        pretrained::check(&device, pretrained::SINGLE);
        pretrained::check_minilm(&device);
    }
}

#[cfg(feature = "gpu")]
#[test]
fn the_gpu_reproduces_every_model() {
    if let Some(device) = gpu() {
        models::check(&device, &Tolerance::SINGLE);
    }
}

#[cfg(feature = "gpu")]
#[test]
fn the_gpu_reproduces_every_decoder() {
    if let Some(device) = gpu() {
        decoder::check(&device, &Tolerance::SINGLE);
    }
}

#[cfg(feature = "gpu")]
#[test]
fn the_gpu_reproduces_every_tagger() {
    if let Some(device) = gpu() {
        tagger::check(&device, &Tolerance::SINGLE);
    }
}

#[cfg(feature = "gpu")]
#[test]
fn the_gpu_reproduces_every_language_model() {
    if let Some(device) = gpu() {
        language::check(&device, &Tolerance::SINGLE);
    }
}

#[cfg(feature = "gpu")]
#[test]
fn the_gpu_reproduces_every_update() {
    if let Some(device) = gpu() {
        updates::check(&device, &Tolerance::SINGLE);
    }
}

#[cfg(feature = "gpu")]
#[test]
fn the_gpu_reproduces_every_sequence_loss() {
    if let Some(device) = gpu() {
        sequence_losses::check(&device, sequence_losses::SINGLE);
    }
}

#[cfg(feature = "gpu")]
#[test]
fn the_gpu_reproduces_every_operator_on_pictures() {
    if let Some(device) = gpu() {
        pictures::check(&device, pictures::SINGLE);
    }
}

#[test]
fn schedules_give_the_rates_of_pytorch() {
    schedules::check();
}

#[test]
fn spans_have_the_scores_of_conlleval() {
    spans::check();
}

/// The adapter to test on, or `None` with a message.
#[cfg(feature = "gpu")]
fn gpu() -> Option<Device> {
    let name = std::env::var("LIMBECK_TEST_ADAPTER").unwrap_or_else(|_| "llvmpipe".into());
    match Device::gpu_named(&name) {
        Ok(device) => Some(device),
        Err(error) => {
            let required = std::env::var("LIMBECK_REQUIRE_GPU").is_ok_and(|value| value == "1");
            assert!(!required, "LIMBECK_REQUIRE_GPU=1, but {error}");
            println!("GPU left out: {error}");
            None
        }
    }
}
