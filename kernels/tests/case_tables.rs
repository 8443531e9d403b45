//! Every case of every operator: parity with the f64 reference, finite differences, and the same
//! bits from run to run, for any number of threads and any instruction set.
//!
//! The GPU half needs an adapter: `LIMBECK_TEST_ADAPTER` names it (default `llvmpipe`), and
//! `LIMBECK_REQUIRE_GPU=1` turns a missing one into a failure. `LIMBECK_SUBGROUP` says how many
//! invocations its subgroups must have. `LIMBECK_OPERATOR` restricts all tests
//! to one operator.

use std::collections::HashMap;

use limbeck_engine::{Device, Error, Result, instruction_set, parallel_threshold};
use limbeck_kernels::harness::{
    Case, CpuPaths, Entry, FINITE_DIFFERENCE_TOLERANCE, Measurement, accumulation_error,
    finite_differences, outcome,
};
use limbeck_kernels::registry;

/// The operators under test.
fn entries() -> Vec<Entry> {
    let mut entries = registry();
    if let Ok(only) = std::env::var("LIMBECK_OPERATOR") {
        entries.retain(|entry| entry.name == only);
        assert!(
            !entries.is_empty(),
            "LIMBECK_OPERATOR={only}: no such operator"
        );
    }
    entries
}

/// Runs `check` on every case; collects what it complains of.
fn for_every_case(mut check: impl FnMut(&Case) -> Result<Option<String>>) {
    let mut complaints = Vec::new();
    for entry in entries() {
        for case in &entry.cases {
            let complaint = check(case).unwrap_or_else(|error: Error| Some(error.to_string()));
            if let Some(complaint) = complaint {
                complaints.push(format!("{} [{}]: {complaint}", entry.name, case.name));
            }
        }
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn every_operator_has_cases_and_names_are_unique() {
    let mut names = HashMap::new();
    for entry in entries() {
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
    for_every_case(|case| {
        let error = finite_differences(case)?.unwrap_or(0.0);
        let fits = error <= FINITE_DIFFERENCE_TOLERANCE;
        Ok((!fits).then(|| {
            format!("error {error:.1e}, expected below {FINITE_DIFFERENCE_TOLERANCE:.0e}")
        }))
    });
}

#[test]
fn gradients_of_the_reference_are_added_to_those_already_there() {
    let reference = Device::reference();
    for_every_case(|case| {
        let fresh = outcome(case, &reference)?;
        let error = accumulation_error(case, &reference, &fresh)?;
        // In f64, so that only the order of additions differs.
        let fits = error <= 1e-12;
        Ok((!fits).then(|| format!("gradients added to others: {error:.1e}")))
    });
}

#[test]
fn the_cpu_agrees_with_the_reference_on_every_path_and_repeats_its_bits() {
    let (cpu, reference) = (Device::cpu(), Device::reference());
    let paths = CpuPaths::all().expect("threads");
    let settings = || (instruction_set(), parallel_threshold());
    let before = settings();
    for_every_case(|case| {
        let expected = outcome(case, &reference)?;
        let found: Measurement = paths.measure(case, &cpu, &expected)?;
        Ok(found.complaint(case.tolerance.cpu))
    });
    assert_eq!(settings(), before, "the settings are put back");
}

#[cfg(feature = "gpu")]
mod gpu {
    use limbeck_kernels::harness::{WORKGROUP_LIMIT, measure_gpu};

    use super::*;

    /// The adapter under test, or `None` with a message where none is required.
    fn adapter() -> Option<Device> {
        let name = std::env::var("LIMBECK_TEST_ADAPTER").unwrap_or_else(|_| "llvmpipe".into());
        match Device::gpu_named(&name) {
            Ok(device) => {
                require_subgroup(&device);
                Some(device)
            }
            Err(error) => {
                let required = std::env::var("LIMBECK_REQUIRE_GPU").is_ok_and(|v| v == "1");
                assert!(!required, "LIMBECK_REQUIRE_GPU=1, but: {error}");
                eprintln!("GPU tests not run: {error}");
                None
            }
        }
    }

    /// Whoever asks for a subgroup size by a setting of the driver wants to know that it was heard.
    fn require_subgroup(device: &Device) {
        let Ok(wanted) = std::env::var("LIMBECK_SUBGROUP") else {
            return;
        };
        let summary = device.gpu_handle().expect("a GPU device").summary();
        let found = summary.subgroup_sizes.map(|size| size.to_string());
        assert_eq!(found, [wanted.clone(), wanted], "{}", summary.name);
    }

    #[test]
    fn the_gpu_agrees_with_the_reference_repeats_its_bits_and_runs_every_shader() {
        let Some(gpu) = adapter() else { return };
        let reference = Device::reference();
        for_every_case(|case| {
            let expected = outcome(case, &reference)?;
            // Folded too: small cases have more than seven workgroups.
            let found = measure_gpu(case, &gpu, &expected, &[WORKGROUP_LIMIT, 7])?;
            Ok(found.complaint(case.tolerance.gpu))
        });
        let handle = gpu.gpu_handle().expect("a GPU device");
        let dispatched = handle.dispatched_kernels();
        let entries = entries();
        let all = entries
            .iter()
            .flat_map(|entry| &entry.kernels)
            .map(|kernel| kernel.name);
        let missed: Vec<_> = all.filter(|name| !dispatched.contains_key(name)).collect();
        assert!(missed.is_empty(), "shaders that no case runs: {missed:?}");
    }
}
