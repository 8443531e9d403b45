//! What a training step of the canonical workloads costs a GPU, besides its time: the step is
//! recorded, and never submitted.
//!
//! `LIMBECK_TEST_ADAPTER` names the adapter (default `llvmpipe`); `LIMBECK_REQUIRE_GPU=1` turns a
//! missing one into a failure.
#![cfg(all(feature = "gpu", feature = "data"))]

#[path = "../benches/workloads/mod.rs"]
mod workloads;

use std::time::Duration;

use limbeck::engine::{Device, GpuCounters};
use limbeck::training::Result;
use workloads::Step;

/// What a step may cost at most.
struct Bounds {
    name: &'static str,
    workload: fn(&Device) -> Result<Step>,
    dispatches: u64,
    bytes_uploaded: u64,
}

const BOUNDS: [Bounds; 3] = [
    Bounds {
        name: "W1, Transformer",
        workload: workloads::w1_transformer,
        dispatches: 170,
        bytes_uploaded: 48 << 10,
    },
    Bounds {
        name: "W3, TextCNN",
        workload: workloads::w3_text_cnn,
        dispatches: 45,
        bytes_uploaded: 92 << 10,
    },
    Bounds {
        name: "W3b, residual CNN",
        workload: workloads::w3b_residual_cnn,
        dispatches: 70,
        bytes_uploaded: 92 << 10,
    },
];

#[test]
fn a_step_is_one_submission_of_few_dispatches_and_no_readback() -> Result<()> {
    let name = std::env::var("LIMBECK_TEST_ADAPTER").unwrap_or_else(|_| "llvmpipe".into());
    for bounds in BOUNDS {
        let device = match Device::gpu_named(&name) {
            Ok(device) => device,
            Err(error) => {
                let required = std::env::var("LIMBECK_REQUIRE_GPU").is_ok_and(|v| v == "1");
                assert!(!required, "LIMBECK_REQUIRE_GPU=1, but: {error}");
                eprintln!("not run: {error}");
                return Ok(());
            }
        };
        let spent = one_step(&device, bounds.workload)?;
        let name = bounds.name;
        eprintln!(
            "{name}: {} dispatches in one submission, {} readbacks, {} bytes uploaded",
            spent.dispatches, spent.readbacks, spent.bytes_uploaded
        );
        assert_eq!(spent.submissions, 0, "{name}: submitted before its end");
        assert_eq!(spent.readbacks, 0, "{name}: waits for the GPU");
        assert!(spent.dispatches <= bounds.dispatches, "{name}: dispatches");
        assert!(
            spent.bytes_uploaded <= bounds.bytes_uploaded,
            "{name}: bytes"
        );
    }
    Ok(())
}

fn one_step(device: &Device, workload: fn(&Device) -> Result<Step>) -> Result<GpuCounters> {
    let gpu = device.gpu_handle().expect("a GPU device");
    // What a clock decides is left out.
    gpu.set_submission_budget(Duration::MAX);
    let mut step = workload(device)?;
    gpu.flush()?;
    let before = gpu.counters();
    step.run()?;
    Ok(gpu.counters().since(before))
}
