//! Spans and their scores against the scorer of the CoNLL shared tasks.

use std::collections::BTreeMap;

use limbeck::data::tagging::Scheme;
use limbeck::training::metrics::SpanCounts;
use serde::Deserialize;

use crate::compare::distance;
use crate::files;

/// A corpus: `conlleval.json`.
#[derive(Deserialize)]
struct Case {
    name: String,
    /// The tags of truth and prediction, with spaces between.
    sentences: Vec<[String; 2]>,
    expected: Expected,
}

#[derive(Deserialize)]
struct Expected {
    tokens: u64,
    correct_tokens: u64,
    /// By type: correct, gold, predicted.
    types: BTreeMap<String, [u64; 3]>,
    precision: f64,
    recall: f64,
    f1: f64,
}

pub(crate) fn check() {
    let cases: Vec<Case> = files::read("conlleval.json");
    assert!(cases.len() > 150, "{} cases", cases.len());
    for case in &cases {
        // The rules are the same for every scheme.
        for scheme in [Scheme::Iob2, Scheme::Bioes] {
            compare(case, scheme);
        }
    }
}

fn compare(case: &Case, scheme: Scheme) {
    let what = format!("{}, {:?} as {}", case.name, case.sentences, scheme.name());
    let mut counts = SpanCounts::default();
    for [gold, predicted] in &case.sentences {
        let (gold, predicted): (Vec<&str>, Vec<&str>) =
            (gold.split(' ').collect(), predicted.split(' ').collect());
        counts
            .add_sentence(&gold, &predicted, scheme)
            .unwrap_or_else(|error| panic!("{what}: {error}"));
    }
    let types = counts
        .per_type()
        .map(|(kind, hits)| (kind.to_string(), [hits.correct, hits.gold, hits.predicted]));
    let expected = &case.expected;
    assert_eq!(types.collect::<BTreeMap<_, _>>(), expected.types, "{what}");
    let share = expected.correct_tokens as f64 / expected.tokens as f64;
    assert_eq!(counts.token_accuracy(), Some(share), "{what}");
    let total = counts.total();
    let found = [total.precision, total.recall, total.f1];
    let wanted = [expected.precision, expected.recall, expected.f1];
    // The scorer's F1 is made of the two rates, ours of the counts: a few roundings of f64.
    let complaint = distance(&what, &found, &wanted, 1e-15);
    assert!(complaint.is_none(), "{complaint:?}");
}
