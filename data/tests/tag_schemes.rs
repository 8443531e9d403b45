//! Schemes of tags: what they allow, how they are told apart, and that spans survive all of them.

use limbeck_data::tagging::{Scheme, Span, convert, detect, spans, tags_of, violations};
use proptest::prelude::*;

const WITH_SPANS: [Scheme; 4] = [Scheme::Iob1, Scheme::Iob2, Scheme::Bioes, Scheme::Io];

fn words(tags: &str) -> Vec<&str> {
    tags.split_whitespace().collect()
}

/// Start, end and type of a span.
type Triple<'a> = (usize, usize, &'a str);

fn triples(spans: &[Span]) -> Vec<Triple<'_>> {
    let ends = spans.iter().map(|span| (span.start, span.end));
    let kinds = spans.iter().map(|span| span.kind.as_str());
    ends.zip(kinds)
        .map(|((start, end), kind)| (start, end, kind))
        .collect()
}

/// Each line follows from the tables of `startOfChunk` and `endOfChunk` by hand.
#[test]
fn malformed_sequences_have_the_spans_of_conlleval() {
    let cases: &[(&str, &[Triple<'_>])] = &[
        ("", &[]),
        ("O O", &[]),
        ("I-A I-A", &[(0, 2, "A")]),
        ("O I-A O", &[(1, 2, "A")]),
        ("B-A I-B", &[(0, 1, "A"), (1, 2, "B")]),
        ("I-A B-A I-A", &[(0, 1, "A"), (1, 3, "A")]),
        ("B-A E-A I-A E-A", &[(0, 2, "A"), (2, 4, "A")]),
        ("E-A E-A", &[(0, 1, "A"), (1, 2, "A")]),
        ("S-A I-A", &[(0, 1, "A"), (1, 2, "A")]),
        ("S-A S-A", &[(0, 1, "A"), (1, 2, "A")]),
        ("I-A S-A", &[(0, 1, "A"), (1, 2, "A")]),
        ("B-A I-A O E-A", &[(0, 2, "A"), (3, 4, "A")]),
        ("B-A E-B", &[(0, 1, "A"), (1, 2, "B")]),
        ("E-A B-A", &[(0, 1, "A"), (1, 2, "A")]),
        ("B I O S", &[(0, 2, ""), (3, 4, "")]),
        // A type may have hyphens of its own.
        ("B-A-1 I-A-1 I-A-2", &[(0, 2, "A-1"), (2, 3, "A-2")]),
        // BMES and BILOU.
        (
            "B-A M-A E-A U-A B-A L-A",
            &[(0, 3, "A"), (3, 4, "A"), (4, 6, "A")],
        ),
        // What is no tag counts as O.
        ("B-A ? I-A B- X-A", &[(0, 1, "A"), (2, 3, "A")]),
    ];
    for (tags, expected) in cases {
        for scheme in WITH_SPANS {
            let found = spans(&words(tags), scheme);
            assert_eq!(&triples(&found), expected, "{tags:?} as {scheme:?}");
        }
        assert!(spans(&words(tags), Scheme::None).is_empty());
    }
}

#[test]
fn every_scheme_knows_what_breaks_it() {
    let cases: &[(&str, Scheme, &[usize])] = &[
        ("I-A I-A B-A I-A O", Scheme::Iob1, &[]),
        ("B-A I-B B-A", Scheme::Iob1, &[0, 2]),
        ("I-A S-A", Scheme::Iob1, &[1]),
        ("B-A I-A B-B O", Scheme::Iob2, &[]),
        ("I-A O I-A B-A I-B", Scheme::Iob2, &[0, 2, 4]),
        ("B-A E-A", Scheme::Iob2, &[1]),
        ("B-A I-A E-A S-B O", Scheme::Bioes, &[]),
        ("B-A O", Scheme::Bioes, &[1]),
        ("B-A B-A E-A", Scheme::Bioes, &[1]),
        ("I-A E-A", Scheme::Bioes, &[0]),
        ("B-A E-B", Scheme::Bioes, &[1]),
        ("S-A E-A", Scheme::Bioes, &[1]),
        // Left open at the end, once even where the last token breaks the scheme anyway.
        ("O B-A", Scheme::Bioes, &[1]),
        ("O I-A", Scheme::Bioes, &[1]),
        ("I-A I-A O", Scheme::Io, &[]),
        ("B-A I-A E-A S-A", Scheme::Io, &[0, 2, 3]),
        ("O B- x", Scheme::Iob2, &[1, 2]),
        ("NN B-A O", Scheme::None, &[]),
        ("", Scheme::Bioes, &[]),
        // Told by the tags themselves.
        ("I-A B-A I-A", Scheme::Auto, &[]),
        ("B-A I-A I-B", Scheme::Auto, &[2]),
    ];
    for (tags, scheme, expected) in cases {
        assert_eq!(
            &violations(&words(tags), *scheme),
            expected,
            "{tags:?} as {scheme:?}"
        );
    }
}

#[test]
fn a_scheme_is_told_by_its_tags() {
    let cases: &[(&[&str], Scheme)] = &[
        (&["B-A I-A O", "O B-B"], Scheme::Iob2),
        (&["I-A I-A O", "I-A B-A I-B"], Scheme::Iob1),
        (&["I-A O I-B"], Scheme::Iob1),
        // One slip in a file of IOB2 does not make it IOB1, and the other way round.
        (&["B-A I-A", "I-A O", "B-A O", "B-B O"], Scheme::Iob2),
        (&["I-A I-A", "I-B O", "I-A O", "B-B O"], Scheme::Iob1),
        (&["B-A E-A", "O O"], Scheme::Bioes),
        (&["B-A O", "U-A O"], Scheme::Bioes),
        (&["B I O O"], Scheme::Iob2),
        (&["B M E S"], Scheme::Bioes),
        (&["O O"], Scheme::Iob2),
        (&["DT NN VB", "O"], Scheme::None),
        (&["AD M VV"], Scheme::None),
    ];
    for (sentences, expected) in cases {
        let sentences: Vec<Vec<&str>> = sentences.iter().map(|tags| words(tags)).collect();
        assert_eq!(detect(&sentences), Ok(*expected), "{sentences:?}");
    }
    let mixed = [words("B-A I-A"), words("O B-PER PER")];
    assert_eq!(detect(&mixed), Err((1, 2)));
    assert_eq!(detect(&[words("B-A I")]), Err((0, 1)));
}

#[test]
fn spans_that_cannot_be_written() {
    let refused: &[(&[Span], &str)] = &[
        (
            &[Span::new(0, 2, "A"), Span::new(1, 3, "B")],
            "1..3 of type \"B\"",
        ),
        (&[Span::new(2, 2, "A")], "2..2"),
        (&[Span::new(3, 5, "A")], "inside 0..4"),
        (&[Span::new(3, 2, "A")], "3..2"),
    ];
    for (spans, words) in refused {
        let error = tags_of(spans, 4, Scheme::Iob2).expect_err("spans that do not fit");
        assert!(
            error.to_string().contains(words),
            "{words:?} is missing in: {error}"
        );
    }
    assert!(tags_of(&[], 1, Scheme::None).is_err());
    assert!(convert(&["NN", "VB"], Scheme::Auto, Scheme::Iob2).is_err());
    assert!(convert(&["B-A"], Scheme::Iob2, Scheme::None).is_err());
    let plain = convert(&["NN", "VB"], Scheme::Auto, Scheme::Auto).expect("plain tags");
    assert_eq!(plain, ["NN", "VB"]);
    // Nothing in the sentence says which scheme it has, and it needs none.
    let outside = convert(&["O", "O"], Scheme::Auto, Scheme::Bioes).expect("no span");
    assert_eq!(outside, ["O", "O"]);
}

/// Spans that do not overlap, and the length of their sentence. Touching ones are frequent.
fn some_spans() -> impl Strategy<Value = (Vec<Span>, usize)> {
    let pieces = prop::collection::vec((0_usize..3, 1_usize..4, "[AB]"), 0..8);
    (pieces, 0_usize..3).prop_map(|(pieces, rest)| {
        let mut end = 0;
        let spans = pieces.into_iter().map(|(gap, length, kind)| {
            let start = end + gap;
            end = start + length;
            Span::new(start, end, kind)
        });
        let spans: Vec<Span> = spans.collect();
        let length = spans.last().map_or(0, |span| span.end) + rest;
        (spans, length)
    })
}

fn some_tags() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("O|[BIES](-[AB])?", 0..12)
}

proptest! {
    #[test]
    fn spans_survive_being_written((spans_in, length) in some_spans()) {
        for scheme in [Scheme::Iob1, Scheme::Iob2, Scheme::Bioes, Scheme::Auto] {
            let tags = tags_of(&spans_in, length, scheme).expect("spans that fit");
            prop_assert_eq!(tags.len(), length);
            prop_assert_eq!(&spans(&tags, scheme), &spans_in);
            prop_assert_eq!(violations(&tags, scheme), Vec::<usize>::new());
            let kinds = ["A", "B"];
            let names = scheme.tag_names(&kinds);
            prop_assert!(tags.iter().all(|tag| names.contains(tag)), "{:?}", tags);
        }
        // Only what touches is lost: every token keeps its type.
        let tags = tags_of(&spans_in, length, Scheme::Io).expect("spans that fit");
        prop_assert!(violations(&tags, Scheme::Io).is_empty());
        let kinds = |spans: &[Span]| -> Vec<Option<String>> {
            let of = |at| spans.iter().find(|s| (s.start..s.end).contains(&at));
            (0..length).map(|at| of(at).map(|s| s.kind.clone())).collect()
        };
        prop_assert_eq!(kinds(&spans(&tags, Scheme::Io)), kinds(&spans_in));
    }

    #[test]
    fn order_of_spans_does_not_matter((spans_in, length) in some_spans()) {
        let reversed: Vec<Span> = spans_in.iter().rev().cloned().collect();
        let tags = tags_of(&spans_in, length, Scheme::Bioes).expect("spans that fit");
        prop_assert_eq!(tags_of(&reversed, length, Scheme::Bioes).expect("the same"), tags);
    }

    #[test]
    fn converting_there_and_back_changes_no_legal_sequence((spans_in, length) in some_spans()) {
        for from in [Scheme::Iob1, Scheme::Iob2, Scheme::Bioes] {
            let tags = tags_of(&spans_in, length, from).expect("spans that fit");
            for to in [Scheme::Iob1, Scheme::Iob2, Scheme::Bioes] {
                let there = convert(&tags, from, to).expect("schemes with spans");
                let back = convert(&there, to, from).expect("schemes with spans");
                prop_assert_eq!(&back, &tags, "{:?} by way of {:?}", from, to);
            }
        }
    }

    #[test]
    fn converting_any_sequence_keeps_its_spans(tags in some_tags()) {
        for to in [Scheme::Iob1, Scheme::Iob2, Scheme::Bioes] {
            let converted = convert(&tags, Scheme::Iob2, to).expect("schemes with spans");
            prop_assert_eq!(spans(&converted, to), spans(&tags, Scheme::Iob2));
            prop_assert!(violations(&converted, to).is_empty());
        }
    }

    #[test]
    fn a_legal_sequence_is_one_that_rewriting_leaves_alone(tags in some_tags()) {
        for scheme in [Scheme::Iob1, Scheme::Iob2, Scheme::Bioes] {
            let rewritten = convert(&tags, scheme, scheme).expect("a scheme with spans");
            prop_assert_eq!(violations(&tags, scheme).is_empty(), rewritten == tags);
        }
    }
}
