//! Every case of every operator: parity with the f64 reference, finite differences, and the same
//! bits from run to run, for any number of threads and any instruction set.
//!
//! The GPU half needs an adapter: `LIMBECK_TEST_ADAPTER` names it (default `llvmpipe`), and
//! `LIMBECK_REQUIRE_GPU=1` turns a missing one into a failure.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use limbeck_engine::{Device, InstructionSet, set_instruction_set, set_parallel_threshold};
use limbeck_kernels::harness::{
    Case, Outcome, accumulated, compare, finite_differences, outcome, with_present,
};
use limbeck_kernels::registry;

/// Thresholds and instruction sets are global: one test at a time changes them.
fn settings() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `check` on every case; collects what it complains of.
fn for_every_case(mut check: impl FnMut(&Case) -> Option<String>) {
    let mut complaints = Vec::new();
    for entry in registry() {
        for case in &entry.cases {
            if let Some(complaint) = check(case) {
                complaints.push(format!("{} [{}]: {complaint}", entry.name, case.name));
            }
        }
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

fn run(case: &Case, device: &Device) -> Result<Outcome, String> {
    outcome(case, device).map_err(|error| error.to_string())
}

/// `None` if the outcome is within tolerance of the reference.
fn complaint(
    found: Result<Outcome, String>,
    reference: &Outcome,
    tolerance: f64,
) -> Option<String> {
    match found {
        Err(error) => Some(error),
        Ok(found) => {
            let comparison = compare(&found, reference);
            let fits = comparison.worst() <= tolerance;
            (!fits).then(|| {
                format!(
                    "outputs {:.1e}, gradients {:.1e}, tolerance {tolerance:.0e}",
                    comparison.outputs, comparison.gradients
                )
            })
        }
    }
}

/// Complains unless gradients are added to those already there.
fn accumulation_complaint(case: &Case, device: &Device, tolerance: f64) -> Option<String> {
    match run(case, &Device::reference()) {
        Err(error) => Some(error),
        Ok(fresh) => {
            let found = accumulated(case, device).map_err(|error| error.to_string());
            complaint(found, &with_present(case, fresh), tolerance)
        }
    }
}

#[test]
fn every_operator_has_cases_and_names_are_unique() {
    let mut names = HashMap::new();
    for entry in registry() {
        assert!(!entry.cases.is_empty(), "{} has no case", entry.name);
        for case in &entry.cases {
            let seen = names.insert((entry.name, case.name.clone()), ());
            assert!(
                seen.is_none(),
                "{} has two cases named {}",
                entry.name,
                case.name
            );
        }
    }
}

#[test]
fn gradients_of_the_reference_agree_with_finite_differences() {
    for_every_case(|case| match finite_differences(case) {
        Err(error) => Some(error.to_string()),
        Ok(Some(error)) if error > 1e-6 => Some(format!("error {error:.1e}, expected below 1e-6")),
        Ok(_) => None,
    });
}

#[test]
fn the_cpu_agrees_with_the_reference_on_every_path() {
    let _guard = settings();
    let (cpu, reference) = (Device::cpu(), Device::reference());
    let two = rayon::ThreadPoolBuilder::new()
        .num_threads(2)
        .build()
        .expect("threads");
    for level in InstructionSet::ALL {
        for threshold in [1, 1 << 15] {
            set_parallel_threshold(threshold);
            set_instruction_set(level);
            for_every_case(|case| {
                let expected = run(case, &reference);
                let found = two.install(|| run(case, &cpu));
                match expected {
                    Err(error) => Some(error),
                    Ok(expected) => complaint(found, &expected, case.tolerance.cpu),
                }
            });
        }
    }
    set_instruction_set(InstructionSet::best());
    set_parallel_threshold(1 << 15);
}

#[test]
fn gradients_are_added_to_those_already_there() {
    let _guard = settings();
    let (cpu, reference) = (Device::cpu(), Device::reference());
    // In f64, so that only the order of additions differs.
    for_every_case(|case| accumulation_complaint(case, &reference, 1e-12));
    for threshold in [1, 1 << 15] {
        set_parallel_threshold(threshold);
        for_every_case(|case| accumulation_complaint(case, &cpu, case.tolerance.cpu));
    }
    set_parallel_threshold(1 << 15);
}

#[test]
fn the_cpu_repeats_its_bits_for_any_number_of_threads_and_run() {
    let _guard = settings();
    set_parallel_threshold(1);
    let cpu = Device::cpu();
    let pools: Vec<_> = [1, 2, 7]
        .map(|n| {
            rayon::ThreadPoolBuilder::new()
                .num_threads(n)
                .build()
                .expect("threads")
        })
        .into();
    for_every_case(|case| {
        let first = pools[0].install(|| run(case, &cpu));
        let all = pools
            .iter()
            .chain(&pools)
            .map(|pool| pool.install(|| run(case, &cpu)));
        let differs = all.into_iter().any(|again| again != first);
        differs.then(|| "two runs differ".to_string())
    });
    set_parallel_threshold(1 << 15);
}

#[cfg(feature = "gpu")]
mod gpu {
    use limbeck_engine::set_workgroup_limit;

    use super::*;

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

    #[test]
    fn the_gpu_agrees_with_the_reference_repeats_its_bits_and_runs_every_shader() {
        let _guard = settings();
        let Some(gpu) = adapter() else { return };
        let reference = Device::reference();
        for limit in [65_535, 7] {
            set_workgroup_limit(limit);
            for_every_case(|case| {
                let expected = match run(case, &reference) {
                    Ok(expected) => expected,
                    Err(error) => return Some(error),
                };
                let found = run(case, &gpu);
                if run(case, &gpu) != found {
                    return Some("two runs differ".into());
                }
                complaint(found, &expected, case.tolerance.gpu)
                    .or_else(|| accumulation_complaint(case, &gpu, case.tolerance.gpu))
            });
        }
        set_workgroup_limit(65_535);
        let handle = gpu.gpu_handle().expect("a GPU device");
        let dispatched = handle.dispatched_kernels();
        let entries = registry();
        let all = entries
            .iter()
            .flat_map(|entry| &entry.kernels)
            .map(|kernel| kernel.name);
        let missed: Vec<_> = all.filter(|name| !dispatched.contains_key(name)).collect();
        assert!(missed.is_empty(), "shaders that no case runs: {missed:?}");
    }
}
