use super::*;

fn record(problems: &[&str]) -> AuditRecord {
    AuditRecord {
        operator: "linear",
        case: "one row".into(),
        reference: Some(1e-9),
        without_finite_differences: None,
        cpu: 1e-6,
        gpu: None,
        tolerance: 2e-6,
        adapter: None,
        repeatable: true,
        largest_shape: None,
        problems: problems.iter().map(ToString::to_string).collect(),
    }
}

fn audit_of(records: Vec<AuditRecord>) -> Audit {
    Audit {
        operators: vec![AuditedOperator {
            name: "linear",
            formula: "y = x W",
            records,
        }],
        left_out: 0,
    }
}

#[test]
fn anything_out_of_tolerance_ends_with_4() {
    assert!(audit_of(vec![record(&[])]).verify().is_ok());
    let audit = audit_of(vec![record(&[]), record(&["cpu: outputs 1e-3"])]);
    let error = audit.verify().expect_err("a failure");
    assert_eq!(error.exit_code(), 4);
    assert_eq!(error.to_string(), "audit: 1 of 2 cases out of tolerance");
}

#[test]
fn errors_are_problems_of_the_record() {
    let wrong = Measurement {
        comparison: limbeck_kernels::harness::Comparison {
            outputs: 1e-3,
            gradients: 0.0,
        },
        accumulated: 0.0,
        repeatable: false,
    };
    let mut found = record(&[]);
    assert_eq!(note(&mut found, "cpu", Ok(wrong), 2e-6), 1e-3);
    assert!(!found.repeatable);
    let lost = limbeck_engine::Error::Device("the GPU was lost".into());
    assert_eq!(note(&mut found, "gpu", Err(lost), 2e-6), f64::INFINITY);
    assert_eq!(
        found.problems,
        ["cpu: two runs differ", "gpu: the GPU was lost"]
    );
}

#[test]
fn the_strain_is_the_largest_error_in_tolerances() {
    assert_eq!(record(&[]).strain(), 0.5);
    let mut strained = record(&[]);
    strained.gpu = Some(4e-6);
    assert_eq!(strained.strain(), 2.0);
    strained.reference = Some(3e-6);
    assert!((strained.strain() - 3.0).abs() < 1e-12, "two roundings");
}

#[test]
fn a_quick_audit_has_every_operator_and_leaves_large_cases_out() {
    let (quick, left_out) = choose(&AuditOptions::default(), registry()).expect("cases");
    assert_eq!(quick.len(), registry().len());
    assert!(quick.iter().all(|entry| !entry.cases.is_empty()));
    let full = AuditOptions {
        full: true,
        ..AuditOptions::default()
    };
    let (all, none) = choose(&full, registry()).expect("cases");
    let count = |entries: &[Entry]| entries.iter().map(|e| e.cases.len()).sum::<usize>();
    assert_eq!((none, count(&all)), (0, count(&quick) + left_out));
    assert!(
        left_out > 0 && left_out < count(&all) / 4,
        "{left_out} left out"
    );
}

#[test]
fn a_name_that_is_not_there_is_a_mistake_of_usage() {
    let ask = |operator: Option<&str>, case: Option<&str>| {
        let options = AuditOptions {
            operator: operator.map(Into::into),
            case: case.map(Into::into),
            ..AuditOptions::default()
        };
        match choose(&options, registry()) {
            Ok(_) => panic!("{options:?} must be refused"),
            Err(error) => (error.exit_code(), error.to_string()),
        }
    };
    let (code, message) = ask(Some("conv3d"), None);
    assert_eq!(code, 2);
    assert!(message.contains("conv2d"), "{message}");
    let known = &registry()[0];
    let (code, message) = ask(Some(known.name), Some("nonsense"));
    assert_eq!(code, 2);
    assert!(message.contains(&known.cases[0].name), "{message}");
}
