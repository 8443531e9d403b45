//! Pair sources: files, translators, augmentation, dropout.

use std::collections::BTreeSet;

use limbeck_data::pairs::{
    AugmentOptions, AugmentedPairs, Augmenter, DropoutPairs, FilePairs, PairSource, Protect,
    TextPair, TranslatedPairs, Translator, gather, unlabelled_texts,
};
use limbeck_data::read::{Columns, LabelledSet, ReadOptions};
use limbeck_data::{DataError, Result, Unit};
use proptest::prelude::*;

fn texts() -> Vec<String> {
    let colours = ["red", "blue", "green", "white", "black", "yellow", "brown"];
    (0..60)
        .map(|n| {
            format!(
                "the {} paint is for the wall and not for wood {}",
                colours[n % 7],
                n
            )
        })
        .collect()
}

fn augmenter(options: AugmentOptions) -> Augmenter {
    Augmenter::fit(&texts(), options, 5).expect("good options")
}

fn only(change: impl Fn(&mut AugmentOptions)) -> Augmenter {
    let mut options = AugmentOptions::new(Unit::Word);
    (options.delete, options.swap, options.replace) = (0.0, 0.0, 0.0);
    change(&mut options);
    augmenter(options)
}

#[test]
fn rewriting_depends_on_round_and_index_alone() {
    let augmenter = augmenter(AugmentOptions::new(Unit::Word));
    let text = &texts()[0];
    let reference = augmenter.rewrite(text, 3, 7);
    assert_eq!(augmenter.rewrite(text, 3, 7), reference);
    let others: BTreeSet<String> = (0..10)
        .map(|round| augmenter.rewrite(text, round, 7))
        .collect();
    assert!(others.len() > 5, "rounds are alike: {others:?}");
    let others: BTreeSet<String> = (0..10)
        .map(|index| augmenter.rewrite(text, 3, index))
        .collect();
    assert!(others.len() > 5, "texts are alike: {others:?}");
}

#[test]
fn each_operation_does_what_its_name_says() {
    let nothing = only(|_| ());
    let swaps = only(|options| options.swap = 0.3);
    let deletes = only(|options| options.delete = 0.5);
    let replaces = only(|options| options.replace = 0.3);
    let sorted = |text: &str| {
        let mut words: Vec<String> = text.split(' ').map(String::from).collect();
        words.sort_unstable();
        words
    };
    let known: BTreeSet<String> = texts().iter().flat_map(|text| sorted(text)).collect();
    for (index, text) in texts().iter().enumerate() {
        assert_eq!(&nothing.rewrite(text, 0, index), text);
        let swapped = swaps.rewrite(text, 0, index);
        assert_ne!(&swapped, text);
        assert_eq!(sorted(&swapped), sorted(text));
        let deleted = deletes.rewrite(text, 0, index);
        assert!(deleted.len() < text.len());
        let mut rest = text.split(' ');
        assert!(
            deleted
                .split(' ')
                .all(|word| rest.any(|other| other == word)),
            "{deleted}"
        );
        let replaced = replaces.rewrite(text, 0, index);
        assert_eq!(sorted(&replaced).len(), sorted(text).len());
        assert!(sorted(&replaced).iter().all(|word| known.contains(word)));
    }
}

#[test]
fn replacement_spares_the_words_that_tell_texts_apart() {
    let replaces = only(|options| {
        options.replace = 0.3;
        options.protect = Protect::nothing();
    });
    // "the" is in every text, the number in one.
    let (mut common, mut rare) = (0, 0);
    for (index, text) in texts().iter().enumerate() {
        for round in 0..20 {
            let replaced = replaces.rewrite(text, round, index);
            let words: Vec<&str> = replaced.split(' ').collect();
            common += usize::from(words[0] != "the");
            rare += usize::from(words[11] != index.to_string());
        }
    }
    assert_eq!(
        rare, 0,
        "the rarest word of a text has the largest TF-IDF: never replaced"
    );
    assert!(
        common > 200,
        "of 1,200 times \"the\" was replaced {common} times"
    );
}

#[test]
fn protected_words_survive_everything() {
    let mut options = AugmentOptions::new(Unit::Word);
    (options.delete, options.swap, options.replace) = (0.9, 1.0, 1.0);
    options.protect = options.protect.and(["red"]);
    let augmenter = augmenter(options);
    let text = "How many red paints do not dry within 20 minutes";
    for round in 0..50 {
        let rewritten = augmenter.rewrite(text, round, 0);
        let words: Vec<&str> = rewritten.split(' ').collect();
        for word in ["How", "many", "red", "not", "20"] {
            assert!(words.contains(&word), "{word} is lost in {rewritten:?}");
        }
        assert!(rewritten.starts_with("How many"), "{rewritten}");
    }
}

#[test]
fn characters_swap_with_their_neighbours() {
    let texts = ["水性涂料耐磨性好".to_string(), "环氧树脂粘接牢".to_string()];
    let mut options = AugmentOptions::new(Unit::Character);
    (options.delete, options.swap, options.replace) = (0.0, 0.2, 0.0);
    let augmenter = Augmenter::fit(&texts, options, 1).expect("good options");
    let mut changed = 0;
    for round in 0..20 {
        let rewritten = augmenter.rewrite(&texts[0], round, 0);
        assert_eq!(rewritten.chars().count(), 8);
        changed += usize::from(rewritten != texts[0]);
    }
    assert!(changed > 10, "{changed} of 20 changed");
}

#[test]
fn senseless_shares_are_refused_by_name() {
    let mut options = AugmentOptions::new(Unit::Word);
    options.swap = 1.5;
    let error = Augmenter::fit(&texts(), options, 0).expect_err("a share above 1");
    assert!(error.to_string().starts_with("augment.swap"), "{error}");
}

#[test]
fn files_count_and_drop_identical_and_empty_pairs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pairs.tsv");
    std::fs::write(&path, "a b\tA  B\nc\td\ne\t \n").unwrap();
    let (source, files) =
        FilePairs::read(std::slice::from_ref(&path), &ReadOptions::default()).unwrap();
    assert_eq!(files[0].rows, 3);
    let (pairs, report) = gather(&source, 1, false);
    assert_eq!((pairs.len(), report.identical, report.kept()), (2, 1, 2));
    let (pairs, mut report) = gather(&source, 1, true);
    assert_eq!(
        pairs,
        [TextPair {
            original: "c".into(),
            other: "d".into()
        }]
    );
    report.compare_decisions(&[0], &[1]);
    let line = report.to_string();
    for words in [
        "3 pairs, read ready-made",
        "1 with two identical sides (left out)",
        "1 with an empty side",
        "decision differs in 100.0 % of 1",
    ] {
        assert!(line.contains(words), "{words:?} is missing in: {line}");
    }
    std::fs::write(&path, "a\tb\nno tab\n").unwrap();
    let error = FilePairs::read(&[path], &ReadOptions::default()).expect_err("a line without tab");
    assert!(
        error
            .to_string()
            .contains("pairs.tsv:2: expected text<TAB>other wording"),
        "{error}"
    );
}

#[test]
fn paraphrase_files_give_their_positive_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train.tsv");
    std::fs::write(&path, "1\tone \"quoted\ttwo\n0\tthree\tfour\n").unwrap();
    let columns = Columns {
        only_label: Some("1".into()),
        ..Columns::indices(Some(0), 1, Some(2))
    };
    let (source, _) = FilePairs::read(&[path], &ReadOptions::with_columns(columns)).unwrap();
    assert_eq!(source.len(), 1);
    assert_eq!(source.pair(0, 0).original, "one \"quoted");
}

struct Reverse;

impl Translator for Reverse {
    fn name(&self) -> &str {
        "reverse"
    }

    fn there_and_back(&self, texts: &[String]) -> Result<Vec<String>> {
        if texts.iter().any(String::is_empty) {
            let (name, message) = ("reverse".into(), "no text".into());
            return Err(DataError::Translator { name, message });
        }
        let reversed = texts.iter().map(|text| text.chars().rev().collect());
        // It forgets the fourth and later ones.
        Ok(reversed.take(3).collect())
    }
}

#[test]
fn a_translator_can_be_plugged_in() {
    let source = TranslatedPairs::new(vec!["abc".into()], &Reverse).unwrap();
    let (pairs, report) = gather(&source, 1, true);
    assert_eq!(pairs[0].other, "cba");
    assert!(
        report.to_string().contains("back-translated by reverse"),
        "{report}"
    );
    let error = TranslatedPairs::new(vec![String::new()], &Reverse).expect_err("its own error");
    assert_eq!(error.to_string(), "translator reverse: no text");
    let error = TranslatedPairs::new(vec!["a".into(); 4], &Reverse).expect_err("one is missing");
    assert_eq!(
        error.to_string(),
        "translator reverse: expected 4 texts, found 3"
    );
}

#[test]
fn drop_identical_never_applies_to_dropout_pairs() {
    let source = DropoutPairs::new(texts());
    let (pairs, report) = gather(&source, 1, true);
    assert_eq!(
        (pairs.len(), report.identical, report.dropped),
        (60, 0, false)
    );
    assert!(pairs.iter().all(TextPair::is_identical));
}

#[test]
fn every_round_rewrites_every_text() {
    let source = AugmentedPairs::new(texts(), augmenter(AugmentOptions::new(Unit::Word)));
    let (once, _) = gather(&source, 1, false);
    let (twice, report) = gather(&source, 2, false);
    assert_eq!((twice.len(), report.total), (120, 120));
    assert_eq!(
        twice[..60],
        once[..],
        "the first round is what one round gives"
    );
    let (first, second) = twice.split_at(60);
    assert!(
        first
            .iter()
            .zip(second)
            .all(|(a, b)| a.original == b.original)
    );
    let different = first.iter().zip(second).filter(|(a, b)| a.other != b.other);
    assert!(different.count() > 30, "the second round draws anew");
}

#[test]
fn labelled_texts_may_serve_again_without_their_labels() {
    let set = LabelledSet {
        texts: ["a", "b", "c"].map(String::from).to_vec(),
        labels: vec![0, 1, 0],
        classes: vec!["x".into(), "y".into()],
    };
    assert_eq!(unlabelled_texts(&set, &[2], &[0, 1], false), ["c"]);
    assert_eq!(unlabelled_texts(&set, &[2], &[0, 1], true), ["c", "a", "b"]);
}

proptest! {
    #[test]
    fn no_text_is_rewritten_to_nothing(
        text in "\\PC{0,40}",
        character in any::<bool>(),
        shares in (0.0..=1.0f64, 0.0..=1.0f64, 0.0..=1.0f64),
        round in any::<u64>(),
    ) {
        let unit = if character { Unit::Character } else { Unit::Word };
        let mut options = AugmentOptions::new(unit);
        (options.delete, options.swap, options.replace) = shares;
        let augmenter = Augmenter::fit(&texts(), options, 2).unwrap();
        let source = AugmentedPairs::new(vec![text.clone()], augmenter);
        let pair = source.pair(0, round);
        prop_assert_eq!(pair.other.trim().is_empty(), text.trim().is_empty());
        prop_assert_eq!(source.pair(0, round), pair);
    }
}
