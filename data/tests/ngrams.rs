//! Bag-of-n-grams features: which n-grams, their weights, files.

use limbeck_data::Unit;
use limbeck_data::ngrams::{NgramFeatures, NgramOptions};
use proptest::prelude::*;

fn train() -> Vec<String> {
    ["a b a", "b c", "B"].map(String::from).to_vec()
}

fn fit(change: impl Fn(&mut NgramOptions)) -> NgramFeatures {
    let mut options = NgramOptions::default();
    change(&mut options);
    NgramFeatures::fit(&train(), &options).expect("good options")
}

fn table(features: &NgramFeatures) -> Vec<&str> {
    (0..features.dimensions() as u32)
        .filter_map(|index| features.ngram(index))
        .collect()
}

#[test]
fn tables_hold_the_right_ngrams_in_order() {
    assert_eq!(table(&fit(|_| ())), ["b", "a", "a b", "b a", "b c", "c"]);
    assert_eq!(table(&fit(|options| options.min_texts = 2)), ["b"]);
    assert_eq!(
        table(&fit(|options| options.shortest = 2)),
        ["a b", "b a", "b c"]
    );
    assert_eq!(table(&fit(|options| options.lowercase = false)).len(), 7);
    let characters = NgramOptions {
        unit: Unit::Character,
        ..NgramOptions::default()
    };
    let features = NgramFeatures::fit(&["水性  漆"], &characters).unwrap();
    let mut ngrams = table(&features);
    ngrams.sort_unstable();
    assert_eq!(ngrams, [" ", " 漆", "性", "性 ", "水", "水性", "漆"]);
}

#[test]
fn weights_are_tf_idf_of_length_one() {
    let features = fit(|options| options.longest = 1);
    // By hand: N = 3, df(a) = 1, df(b) = 3; count(a) = 2.
    let idf = |df: f64| (4.0 / (1.0 + df)).ln() + 1.0;
    let (a, b) = ((1.0 + 2f64.ln()) * idf(1.0), idf(3.0));
    let length = (a * a + b * b).sqrt();
    let row = features.row("a b a z");
    assert_eq!(
        row.iter().map(|(index, _)| *index).collect::<Vec<_>>(),
        [0, 1]
    );
    // Rounding to f32 is the only difference.
    assert!((f64::from(row[0].1) - b / length).abs() < 1e-7);
    assert!((f64::from(row[1].1) - a / length).abs() < 1e-7);
    let plain = fit(|options| (options.longest, options.sublinear) = (1, false));
    let ratio = plain.row("a b a")[1].1 / plain.row("a b a")[0].1;
    assert!((f64::from(ratio) - 2.0 * idf(1.0) / idf(3.0)).abs() < 1e-6);
}

#[test]
fn rows_of_many_texts_are_the_rows_of_each() {
    let features = fit(|_| ());
    let texts = ["a b", "unknown", "", "b c b"];
    let rows = features.rows(&texts).unwrap();
    assert_eq!(rows.offsets.len(), 5);
    for (number, text) in texts.iter().enumerate() {
        let range = rows.offsets[number] as usize..rows.offsets[number + 1] as usize;
        let indices = rows.indices[range.clone()].iter().copied();
        let row: Vec<(u32, f32)> = indices.zip(rows.weights[range].iter().copied()).collect();
        assert_eq!(row, features.row(text), "{text:?}");
    }
    assert_eq!(
        rows.offsets[1], rows.offsets[3],
        "nothing known, nothing written"
    );
}

#[test]
fn hashed_features_need_no_table_and_keep_their_buckets() {
    let hashed = fit(|options| options.hash_bits = Some(10));
    assert_eq!((hashed.dimensions(), hashed.ngram(0)), (1024, None));
    assert_eq!(hashed.row("never seen").len(), 3);
    // The bucket is part of the file format: FNV-1a of "a", mixed, top 10 bits.
    let fnv = (0xCBF2_9CE4_8422_2325_u64 ^ 0x61).wrapping_mul(0x0000_0100_0000_01B3);
    let mixed = (fnv ^ (fnv >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    assert_eq!(u64::from(hashed.row("a")[0].0), mixed >> 54);
}

#[test]
fn saved_and_loaded_is_the_same_to_the_last_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ngrams.json");
    for features in [fit(|_| ()), fit(|options| options.hash_bits = Some(6))] {
        features.save(&path).unwrap();
        let loaded = NgramFeatures::load(&path).unwrap();
        assert_eq!(loaded.fingerprint(), features.fingerprint());
        assert_eq!(
            loaded.rows(&train()).unwrap(),
            features.rows(&train()).unwrap()
        );
    }
}

#[test]
fn files_that_are_no_table_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ngrams.json");
    fit(|_| ()).save(&path).unwrap();
    let good = std::fs::read_to_string(&path).unwrap();
    for (content, words) in [
        (good.replace("\"a b\"", "\"a z\""), "fingerprint"),
        (
            good.replace("\"document_counts\":[", "\"document_counts\":[1,"),
            "document counts",
        ),
        (
            good.replace("\"format_version\":1", "\"format_version\":7"),
            "found 7",
        ),
        (good[..good.len() / 2].to_string(), "broken JSON"),
    ] {
        std::fs::write(&path, content).unwrap();
        let error = NgramFeatures::load(&path).expect_err("a file that is no table");
        assert!(
            error.to_string().contains(words),
            "{words:?} is missing in: {error}"
        );
        assert_eq!(error.path(), Some(path.as_path()));
    }
}

#[test]
fn fingerprints_tell_ways_of_cutting_apart() {
    let prints = [
        fit(|_| ()).fingerprint(),
        fit(|options| options.longest = 3).fingerprint(),
        fit(|options| options.hash_bits = Some(8)).fingerprint(),
        fit(|options| options.hash_bits = Some(9)).fingerprint(),
    ];
    for (number, print) in prints.iter().enumerate() {
        assert!(!prints[..number].contains(print));
    }
}

#[test]
fn senseless_options_are_refused_by_name() {
    for (options, name) in [
        (
            NgramOptions {
                shortest: 0,
                ..NgramOptions::default()
            },
            "ngrams.shortest",
        ),
        (
            NgramOptions {
                shortest: 3,
                ..NgramOptions::default()
            },
            "3 to 2",
        ),
        (
            NgramOptions {
                hash_bits: Some(40),
                ..NgramOptions::default()
            },
            "ngrams.hash_bits",
        ),
    ] {
        let error = NgramFeatures::fit(&train(), &options).expect_err("a senseless option");
        assert!(error.to_string().contains(name), "{error}");
    }
}

proptest! {
    #[test]
    fn rows_are_sorted_and_have_length_one_or_nothing(
        texts in prop::collection::vec("[a-d ]{0,20}", 1..20),
        text in "[a-f ]{0,30}",
        hashed in any::<bool>(),
    ) {
        let options =
            NgramOptions { hash_bits: hashed.then_some(5), longest: 3, ..NgramOptions::default() };
        let row = NgramFeatures::fit(&texts, &options).unwrap().row(&text);
        prop_assert!(row.windows(2).all(|pair| pair[0].0 < pair[1].0));
        let length: f64 = row.iter().map(|(_, weight)| f64::from(*weight).powi(2)).sum();
        // At most 90 entries, each rounded to f32.
        prop_assert!(row.is_empty() || (length - 1.0).abs() < 1e-5);
    }
}
