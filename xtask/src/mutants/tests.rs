use super::*;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn every_mistake_can_still_be_made() {
    let mut complaints = Vec::new();
    for mutant in all() {
        let text = read(&root().join("kernels/src").join(mutant.file));
        match text.and_then(|text| mutant.apply(&text).map(|changed| changed != text)) {
            Ok(true) => {}
            Ok(false) => complaints.push(format!("{mutant} changes nothing")),
            Err(error) => complaints.push(error),
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert!(all().len() >= 50);
}

#[test]
fn every_mistake_is_of_an_operator() {
    let text = read(&root().join("kernels/src/lib.rs")).expect("the registry");
    for mutant in all() {
        let entry = format!(" {}::entry()", mutant.operator());
        assert!(text.contains(&entry), "{mutant}: no such operator");
    }
}

#[test]
fn a_text_that_stands_twice_is_refused() {
    let mutant = Mutant::new("linear/cpu.rs", "a", "b", "nothing");
    assert_eq!(mutant.apply("a c").as_deref(), Ok("b c"));
    assert!(mutant.apply("a a").is_err() && mutant.apply("c").is_err());
}

#[test]
fn mistakes_built_together_do_not_meet() {
    let chosen = Options::default().chosen().expect("mistakes");
    let apart = rounds(&root(), &chosen, false).expect("rounds");
    assert_eq!(apart.len(), chosen.len());
    let together = rounds(&root(), &chosen, true).expect("rounds");
    assert!(
        together.len() < chosen.len() / 2,
        "{} rounds",
        together.len()
    );
    assert_eq!(together.iter().map(Vec::len).sum::<usize>(), chosen.len());
    for round in together.iter().filter(|round| round.len() > 1) {
        for (number, mutant) in round {
            assert_eq!(mutant.operator, None, "{mutant} is of what is shared");
            let known = knows(&root(), mutant.operator()).expect("folders");
            let others = round.iter().filter(|(other, _)| other != number);
            for (_, other) in others {
                assert!(!known.contains(other.operator()), "{mutant} meets {other}");
            }
        }
    }
    let known = knows(&root(), "conv1d_max").expect("folders");
    assert!(known.contains("conv1d"), "{known:?}");
}

#[test]
fn arguments_are_read() {
    let parse = |line: &str| {
        let words: Vec<String> = line.split_whitespace().map(Into::into).collect();
        Options::parse(&words)
    };
    let expected = Options {
        list: true,
        only: Some("linear".into()),
        jobs: Some(2),
        together: true,
    };
    assert_eq!(
        parse("--list --only linear --jobs 2 --together"),
        Ok(expected)
    );
    for wrong in ["--only", "--jobs 0", "--jobs x", "linear"] {
        assert!(
            parse(wrong)
                .expect_err(wrong)
                .contains("cargo xtask mutants")
        );
    }
    let linear = parse("--only linear").and_then(|options| options.chosen());
    assert!(linear.is_ok_and(|chosen| chosen.len() > 1));
    let some = parse("--only 55-57").and_then(|options| options.chosen());
    let numbers: Vec<usize> = some.expect("mistakes").iter().map(|(n, _)| *n).collect();
    assert_eq!(numbers, [55, 56, 57]);
    for nothing in ["nothing", "0", "7-5", "3-x"] {
        let refused = parse(&format!("--only {nothing}")).and_then(|o| o.chosen());
        assert!(refused.is_err(), "{nothing}");
    }
}
