//! Whole training runs of tiny models, device against device: the CPU and a GPU train as the f64
//! reference does, memory stays flat and is what a rehearsal foretold, and a step costs a GPU few
//! waits.
//!
//! The GPU half needs an adapter: `LIMBECK_TEST_ADAPTER` names it (default `llvmpipe`), and
//! `LIMBECK_REQUIRE_GPU=1` turns a missing one into a failure.

#[cfg(feature = "gpu")]
mod counters;
#[cfg(feature = "gpu")]
mod cuts;
mod graphs;
#[cfg(feature = "gpu")]
mod lost;
mod memory;
mod parity;
mod rehearsal;
mod taggers;
mod tiny;
#[cfg(feature = "gpu")]
mod units;

use limbeck_engine::{Device, Result};

#[test]
fn the_cpu_trains_as_the_reference_does() -> Result<()> {
    parity::check(&Device::cpu())
}

#[test]
fn the_halves_of_a_forward_pass_make_the_whole() -> Result<()> {
    parity::check_halves(&Device::cpu())
}

#[test]
fn memory_of_the_cpu_stays_flat_after_the_first_epoch() -> Result<()> {
    memory::check(&Device::cpu())
}

#[cfg(feature = "gpu")]
mod gpu {
    use super::*;

    #[test]
    fn the_gpu_trains_as_the_reference_does() -> Result<()> {
        adapter().map_or(Ok(()), |device| parity::check(&device))
    }

    #[test]
    fn a_student_follows_its_teacher_on_the_gpu_too() {
        if let Some(device) = adapter() {
            units::check(&device);
        }
    }

    #[test]
    fn memory_of_the_gpu_stays_flat_after_the_first_epoch() -> Result<()> {
        adapter().map_or(Ok(()), |device| memory::check(&device))
    }

    #[test]
    fn a_step_waits_for_the_gpu_only_where_its_loss_is_read() -> Result<()> {
        adapter().map_or(Ok(()), |device| counters::check(&device))
    }

    #[test]
    fn where_submissions_are_cut_changes_no_bit() -> Result<()> {
        adapter().map_or(Ok(()), |device| cuts::check(&device))
    }

    #[test]
    fn a_run_goes_on_where_its_gpu_was_lost() {
        if let Some(device) = adapter() {
            lost::check(device, || adapter().expect("it was there before"));
        }
    }

    #[test]
    fn the_gpu_takes_the_memory_foretold_for_it() {
        if let Some(device) = adapter() {
            rehearsal::check(&device);
        }
    }

    /// The adapter under test, or `None` with a message where none is required.
    fn adapter() -> Option<Device> {
        let name = std::env::var("LIMBECK_TEST_ADAPTER").unwrap_or_else(|_| "llvmpipe".into());
        match Device::gpu_named(&name) {
            Ok(device) => Some(device),
            Err(error) => {
                let required = std::env::var("LIMBECK_REQUIRE_GPU").is_ok_and(|v| v == "1");
                assert!(!required, "LIMBECK_REQUIRE_GPU=1, but: {error}");
                eprintln!("GPU tests not run: {error}");
                None
            }
        }
    }
}
