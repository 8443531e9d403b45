//! The case table, and what it is held to.

use limbeck::engine::{Device, Result, Tape};
use limbeck::kernels::harness::{
    Case, CpuPaths, Draw, FINITE_DIFFERENCE_TOLERANCE, finite_differences, outcome,
};

use super::{Softsign, softsign};

fn cases() -> Vec<Case> {
    // The second derivative jumps at 0: a difference across it would be off by its step.
    let x = Draw::new("x").away_from_zero(0.1);
    let case = |shape: [usize; 2]| Case::new(format!("{shape:?}"), Softsign).real(x, shape);
    vec![
        case([0, 3]),
        case([1, 1]),
        case([5, 7]),
        // More than one block, with an odd tail.
        case([70, 67]),
        // Alone, for beside others their errors would be lost; where (1 - |y|)² would be too far off, and
        // central differences still have digits.
        Case::new("large values", Softsign).real(Draw::new("x").between(200.0, 400.0), [9]),
        Case::new("a constant", Softsign).without_gradient(x, [4]),
    ]
}

#[test]
fn the_definition_has_the_values_of_the_formula() -> Result<()> {
    let device = Device::reference();
    let tape = Tape::inference(&device);
    let x = tape.constant(device.real(&[-3.0, 0.0, 1.0], [3])?);
    let y = softsign(&tape, &x)?;
    assert_eq!(y.tensor().read()?, [-0.75, 0.0, 0.5]);
    Ok(())
}

#[test]
fn the_example_ends_without_complaint() -> Result<()> {
    crate::main()
}

#[test]
fn every_case_is_within_its_tolerance() -> Result<()> {
    let (cpu, reference) = (Device::cpu(), Device::reference());
    let paths = CpuPaths::all()?;
    for case in cases() {
        let error = finite_differences(&case)?.unwrap_or(0.0);
        assert!(
            error <= FINITE_DIFFERENCE_TOLERANCE,
            "{}: {error:e}",
            case.name
        );
        let found = paths.measure(&case, &cpu, &outcome(&case, &reference)?)?;
        assert_eq!(found.complaint(case.tolerance.cpu), None, "{}", case.name);
    }
    Ok(())
}

#[cfg(feature = "gpu")]
#[test]
fn the_gpu_agrees_too() -> Result<()> {
    use limbeck::kernels::harness::{WORKGROUP_LIMIT, measure_gpu};

    let name = std::env::var("LIMBECK_TEST_ADAPTER").unwrap_or_else(|_| "llvmpipe".into());
    let gpu = match Device::gpu_named(&name) {
        Ok(gpu) => gpu,
        Err(error) => {
            let required = std::env::var("LIMBECK_REQUIRE_GPU").is_ok_and(|v| v == "1");
            assert!(!required, "LIMBECK_REQUIRE_GPU=1, but: {error}");
            eprintln!("not run on a GPU: {error}");
            return Ok(());
        }
    };
    for case in cases() {
        let expected = outcome(&case, &Device::reference())?;
        // Folded too: the largest case has more than seven workgroups.
        let found = measure_gpu(&case, &gpu, &expected, &[WORKGROUP_LIMIT, 7])?;
        assert_eq!(found.complaint(case.tolerance.gpu), None, "{}", case.name);
    }
    Ok(())
}
