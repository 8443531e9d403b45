//! Splits: partitions over groups of identical text, stratified and repeatable.

use std::collections::{BTreeMap, BTreeSet};

use limbeck_data::normalise;
use limbeck_data::read::LabelledSet;
use limbeck_data::split::{
    DEV_FRACTION, SPLIT_SEED, absent_from_train, dev_split, folds, groups, labelled_split,
};
use proptest::prelude::*;

/// Sets sorted by class, with duplicates inside and across classes.
fn sets() -> impl Strategy<Value = LabelledSet> {
    prop::collection::vec((0..4u32, 0..60u32, any::<bool>()), 20..200).prop_map(|mut rows| {
        rows.sort_unstable();
        LabelledSet {
            texts: rows
                .iter()
                .map(|(_, text, upper)| {
                    if *upper {
                        format!("TEXT  {text}")
                    } else {
                        format!("text {text}")
                    }
                })
                .collect(),
            labels: rows.iter().map(|(label, _, _)| *label).collect(),
            classes: ["a", "b", "c", "d"].map(String::from).to_vec(),
        }
    })
}

/// A sorted set of `per_class` different texts a class.
fn plain(per_class: &[usize]) -> LabelledSet {
    let labels: Vec<u32> = per_class
        .iter()
        .enumerate()
        .flat_map(|(class, &count)| vec![class as u32; count])
        .collect();
    LabelledSet {
        texts: (0..labels.len()).map(|row| format!("text {row}")).collect(),
        labels,
        classes: (0..per_class.len())
            .map(|class| class.to_string())
            .collect(),
    }
}

fn no_text_on_both_sides(set: &LabelledSet, left: &[usize], right: &[usize]) -> bool {
    let side = |rows: &[usize]| -> BTreeSet<String> {
        rows.iter().map(|&row| normalise(&set.texts[row])).collect()
    };
    side(left).is_disjoint(&side(right))
}

proptest! {
    #[test]
    fn dev_and_labelled_are_partitions_that_split_no_group(
        set in sets(), seed in any::<u64>(), fraction in 0.05f64..0.9
    ) {
        let dev = dev_split(&set, DEV_FRACTION, seed).unwrap();
        let labelled = labelled_split(&set, &dev.rest, fraction, seed).unwrap();
        let mut all = [dev.taken.clone(), labelled.taken.clone(), labelled.rest.clone()].concat();
        all.sort_unstable();
        prop_assert_eq!(all, (0..set.len()).collect::<Vec<_>>());
        prop_assert!(no_text_on_both_sides(&set, &dev.taken, &dev.rest));
        prop_assert!(no_text_on_both_sides(&set, &labelled.taken, &labelled.rest));
        let classes = |rows: &[usize]| -> BTreeSet<u32> {
            rows.iter().map(|&row| set.labels[row]).collect()
        };
        prop_assert_eq!(classes(&labelled.taken), classes(&dev.rest));
        prop_assert_eq!(labelled_split(&set, &dev.rest, fraction, seed).unwrap(), labelled);
    }

    #[test]
    fn folds_split_no_group_and_are_even(set in sets(), seed in any::<u64>(), count in 2..6usize) {
        let rows: Vec<usize> = (0..set.len()).collect();
        let number = folds(&set, &rows, count, seed).unwrap();
        prop_assert_eq!(number.len(), rows.len());
        for group in groups(&set.texts) {
            prop_assert!(group.iter().all(|&row| number[row] == number[group[0]]));
        }
        // Within a class, groups go to the smallest fold: sizes differ by one group at most.
        let mut sizes: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        let mut largest: BTreeMap<u32, usize> = BTreeMap::new();
        for group in groups(&set.texts) {
            let class = set.labels[group[0]];
            sizes.entry(class).or_insert_with(|| vec![0; count])[number[group[0]]] += group.len();
            let largest = largest.entry(class).or_default();
            *largest = group.len().max(*largest);
        }
        for (class, sizes) in sizes {
            let spread = sizes.iter().max().unwrap() - sizes.iter().min().unwrap();
            prop_assert!(spread <= largest[&class], "{sizes:?}");
        }
    }
}

#[test]
fn shares_are_exact_in_every_class() {
    let set = plain(&[1000, 200, 40, 5, 4, 1]);
    let dev = dev_split(&set, DEV_FRACTION, SPLIT_SEED).unwrap();
    let count = |rows: &[usize]| set.select(rows).class_counts();
    assert_eq!(count(&dev.taken), [100, 20, 4, 1, 0, 0]);
    let labelled = labelled_split(&set, &dev.rest, 0.1, 1).unwrap();
    assert_eq!(count(&labelled.taken), [90, 18, 4, 1, 1, 1]);
    let all = labelled_split(&set, &dev.rest, 1.0, 1).unwrap();
    assert_eq!((all.taken, all.rest), (dev.rest, vec![]));
}

#[test]
fn the_dev_split_is_the_same_for_all_runs_and_the_labelled_one_is_not() {
    let set = plain(&[300, 300]);
    let dev = dev_split(&set, DEV_FRACTION, SPLIT_SEED).unwrap();
    assert_eq!(dev, dev_split(&set, DEV_FRACTION, SPLIT_SEED).unwrap());
    assert_ne!(dev, dev_split(&set, DEV_FRACTION, SPLIT_SEED + 1).unwrap());
    let one = labelled_split(&set, &dev.rest, 0.1, 1).unwrap();
    let two = labelled_split(&set, &dev.rest, 0.1, 2).unwrap();
    assert_ne!(one, two);
    // Drawn from the whole of a sorted class, not from its head.
    assert!(dev.taken.iter().any(|&row| row < 100));
    assert!(dev.taken.iter().any(|&row| (200..300).contains(&row)));
}

#[test]
fn a_class_that_lives_in_another_classes_duplicates_is_still_labelled() {
    // Row 0 and the only text of class 1 are the same text, which counts as class 0.
    let mut set = plain(&[50, 1]);
    set.texts[50] = set.texts[0].clone();
    for seed in 0..20 {
        let rows: Vec<usize> = (0..51).collect();
        let labelled = labelled_split(&set, &rows, 0.1, seed).unwrap();
        assert!(labelled.taken.contains(&50), "seed {seed}");
    }
}

#[test]
fn senseless_shares_are_refused_by_name() {
    let set = plain(&[10, 10]);
    let rows: Vec<usize> = (0..20).collect();
    for (error, name) in [
        (dev_split(&set, 1.0, 0).unwrap_err(), "dev_fraction"),
        (dev_split(&set, f64::NAN, 0).unwrap_err(), "dev_fraction"),
        (
            labelled_split(&set, &rows, 0.0, 0).unwrap_err(),
            "labelled_fraction",
        ),
        (folds(&set, &rows, 1, 0).unwrap_err(), "folds"),
        (folds(&set, &rows, 21, 0).unwrap_err(), "folds"),
    ] {
        assert!(error.to_string().starts_with(name), "{error}");
    }
}

#[test]
fn the_part_of_test_absent_from_train() {
    let absent = absent_from_train(&["Fine Powder", "resin"], &["fine  powder", "resins"]);
    assert_eq!(absent, [false, true]);
}
