//! What a training step of the canonical workloads costs a GPU, besides its time: the step is
//! recorded, and never submitted.
//!
//! `LIMBECK_TEST_ADAPTER` names the adapter (default `llvmpipe`); `LIMBECK_REQUIRE_GPU=1` turns a
//! missing one into a failure.
#![cfg(all(feature = "gpu", feature = "data"))]

use std::time::Duration;

use limbeck::engine::{Device, GpuCounters};
use limbeck::training::Result;
use limbeck::workloads::{Bench, Changes, Model, Workload};

/// What a step may cost at most.
struct Bounds {
    model: Model,
    dispatches: u64,
    bytes_uploaded: u64,
}

const BOUNDS: [Bounds; 3] = [
    Bounds {
        model: Model::W1,
        dispatches: 170,
        bytes_uploaded: 48 << 10,
    },
    Bounds {
        model: Model::W3,
        dispatches: 45,
        bytes_uploaded: 92 << 10,
    },
    Bounds {
        model: Model::W3b,
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
        let spent = one_step(&device, bounds.model)?;
        let name = bounds.model.name();
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

fn one_step(device: &Device, model: Model) -> Result<GpuCounters> {
    let gpu = device.gpu_handle().expect("a GPU device");
    // What a clock decides is left out.
    gpu.set_submission_budget(Duration::MAX);
    let mut bench = Bench::new(Workload::training(model), Changes::default(), device)?;
    gpu.flush()?;
    let before = gpu.counters();
    bench.record()?;
    Ok(gpu.counters().since(before))
}
