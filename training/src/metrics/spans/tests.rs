use limbeck_data::tagging::tags_of;
use proptest::prelude::*;

use super::*;

fn counted(gold: &str, predicted: &str) -> SpanCounts {
    let words = |tags: &'_ str| tags.split(' ').map(str::to_string).collect::<Vec<_>>();
    let mut counts = SpanCounts::default();
    counts
        .add_sentence(&words(gold), &words(predicted), Scheme::Iob2)
        .expect("equal lengths");
    counts
}

#[test]
fn a_span_is_right_in_place_and_type_or_wrong() {
    let counts = counted("B-A I-A O B-B O B-A", "B-A I-A O B-A O I-A");
    let hits = |correct, gold, predicted| SpanHits {
        correct,
        gold,
        predicted,
    };
    let per_type: Vec<(&str, SpanHits)> = counts.per_type().collect();
    assert_eq!(per_type, [("A", hits(2, 2, 3)), ("B", hits(0, 1, 0))]);
    assert_eq!(counts.hits(), hits(2, 3, 3));
    let total = counts.total();
    assert_eq!(
        (total.precision, total.recall, total.f1),
        (2.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0)
    );
    assert_eq!((total.support, total.predicted), (3, 3));
    // A has 2 · 2 / 5, B nothing.
    assert_eq!(counts.macro_f1(), 0.4);
    // Malformed I-A at the end is a span, but not the same tag.
    assert_eq!(counts.token_accuracy(), Some(4.0 / 6.0));
    // A border beside the true one is as wrong as any.
    assert_eq!(counted("B-A I-A", "B-A O").hits(), hits(0, 1, 1));
    assert_eq!(counted("B-A I-A", "B-A B-A").hits(), hits(0, 1, 2));
}

#[test]
fn a_type_that_is_only_predicted_is_no_part_of_the_mean() {
    let counts = counted("B-A O", "B-A B-B");
    assert_eq!(counts.macro_f1(), 1.0);
    assert_eq!(counts.total().f1, 2.0 / 3.0);
    let nothing = SpanCounts::default();
    assert_eq!((nothing.total().f1, nothing.macro_f1()), (0.0, 0.0));
    assert_eq!(nothing.token_accuracy(), None);
}

#[test]
fn repeated_spans_count_once() {
    let mut counts = SpanCounts::default();
    let span = Span::new(0, 2, "A");
    counts.add_spans(std::slice::from_ref(&span), &[span.clone(), span.clone()]);
    assert_eq!(
        counts.hits(),
        SpanHits {
            correct: 1,
            gold: 1,
            predicted: 1
        }
    );
}

#[test]
fn lists_of_tags_must_be_equally_long() {
    let error = SpanCounts::default()
        .add_sentence(&["O", "O"], &["O"], Scheme::Iob2)
        .expect_err("a tag is missing");
    assert!(
        error
            .to_string()
            .starts_with("2 true tags but 1 predicted ones"),
        "{error}"
    );
}

#[test]
fn plain_tags_have_an_accuracy_and_no_spans() {
    let mut counts = SpanCounts::default();
    counts
        .add_sentence(&["DT", "NN", "B-A"], &["DT", "VB", "B-A"], Scheme::None)
        .expect("equal lengths");
    assert_eq!(
        (counts.token_accuracy(), counts.hits()),
        (Some(2.0 / 3.0), SpanHits::default())
    );
}

#[test]
fn counts_survive_json() {
    let counts = counted("B-A I-A O B-B", "B-A I-A O O");
    let json = serde_json::to_string(&counts).expect("numbers and names");
    assert_eq!(
        serde_json::from_str::<SpanCounts>(&json).expect("as written"),
        counts
    );
}

fn some_pairs() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::vec(("O|[BIES]-[AB]", "O|[BIES]-[AB]"), 1..12)
}

proptest! {
    #[test]
    fn exchanging_truth_and_prediction_exchanges_precision_and_recall(pairs in some_pairs()) {
        let (gold, predicted): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let (mut there, mut back) = (SpanCounts::default(), SpanCounts::default());
        there.add_sentence(&gold, &predicted, Scheme::Bioes).expect("equal lengths");
        back.add_sentence(&predicted, &gold, Scheme::Bioes).expect("equal lengths");
        let (there, back) = (there.total(), back.total());
        prop_assert_eq!((there.precision, there.recall), (back.recall, back.precision));
        prop_assert_eq!(there.f1, back.f1);
    }

    #[test]
    fn a_prediction_of_the_truth_is_right_in_every_scheme(pairs in some_pairs()) {
        let gold: Vec<String> = pairs.into_iter().map(|(gold, _)| gold).collect();
        let found = spans(&gold, Scheme::Bioes);
        for scheme in [Scheme::Iob1, Scheme::Iob2, Scheme::Bioes] {
            let written = tags_of(&found, gold.len(), scheme).expect("spans of a sentence");
            let mut counts = SpanCounts::default();
            counts.add_sentence(&gold, &written, scheme).expect("equal lengths");
            let number = found.len() as u64;
            let expected = SpanHits { correct: number, gold: number, predicted: number };
            prop_assert_eq!(counts.hits(), expected);
        }
    }

    #[test]
    fn merging_is_counting_together(pairs in prop::collection::vec(some_pairs(), 1..5)) {
        let (mut together, mut merged) = (SpanCounts::default(), SpanCounts::default());
        for pairs in pairs {
            let (gold, predicted): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
            together.add_sentence(&gold, &predicted, Scheme::Iob2).expect("equal lengths");
            let mut alone = SpanCounts::default();
            alone.add_sentence(&gold, &predicted, Scheme::Iob2).expect("equal lengths");
            merged.merge(&alone);
        }
        prop_assert_eq!(merged, together);
    }
}
