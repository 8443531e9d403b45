//! The search for the most probable sequence, held against all paths.

use std::collections::BTreeMap;

use limbeck_kernels::{CTC_BEAM_WIDTH, ctc_beam_search};

const CLASSES: usize = 3;

/// Logits that look like chance.
fn logits(frames: usize, salt: usize) -> Vec<f32> {
    (0..frames * CLASSES)
        .map(|i| ((i * (31 + 6 * salt) + 7 * salt) % 41) as f32 / 10.0 - 2.0)
        .collect()
}

/// What all paths spell together, sequence by sequence.
fn by_enumeration(logits: &[f32]) -> BTreeMap<Vec<u32>, f64> {
    let softmax = |row: &[f32]| -> Vec<f64> {
        let e: Vec<f64> = row.iter().map(|&z| f64::from(z).exp()).collect();
        let sum: f64 = e.iter().sum();
        e.iter().map(|e| e / sum).collect()
    };
    let y: Vec<Vec<f64>> = logits.chunks(CLASSES).map(softmax).collect();
    let mut sums = BTreeMap::new();
    for number in 0..CLASSES.pow(y.len() as u32) {
        let class = |t: u32| number / CLASSES.pow(t) % CLASSES;
        let path: Vec<usize> = (0..y.len() as u32).map(class).collect();
        let probability: f64 = path.iter().zip(&y).map(|(&c, y)| y[c]).product();
        let mut spelled: Vec<u32> = path.iter().map(|&c| c as u32).collect();
        spelled.dedup();
        spelled.retain(|&c| c != 0);
        *sums.entry(spelled).or_insert(0.0) += probability;
    }
    sums
}

#[test]
fn a_wide_beam_finds_what_all_paths_together_make_most_probable() {
    for frames in 0..7 {
        for salt in 0..12 {
            let logits = logits(frames, salt);
            let sums = by_enumeration(&logits);
            let found = ctc_beam_search(&logits, CLASSES, 1000).expect("frames");
            let best = sums.values().copied().fold(0.0, f64::max);
            assert!(
                (sums[&found] - best).abs() < 1e-12,
                "{frames} frames, salt {salt}: {found:?}"
            );
            // The width that is in use finds what is nearly as probable.
            let narrow = ctc_beam_search(&logits, CLASSES, CTC_BEAM_WIDTH).expect("frames");
            assert!(sums[&narrow] > 0.8 * best, "{narrow:?} {found:?}");
        }
    }
}

#[test]
fn a_symbol_is_written_twice_only_with_a_blank_between() {
    let frame = |class: usize| -> Vec<f32> {
        (0..CLASSES)
            .map(|k| if k == class { 6.0 } else { 0.0 })
            .collect()
    };
    let read = |path: &[usize]| {
        let logits: Vec<f32> = path.iter().flat_map(|&class| frame(class)).collect();
        ctc_beam_search(&logits, CLASSES, CTC_BEAM_WIDTH).expect("frames")
    };
    assert_eq!(read(&[1, 1, 2, 2]), [1, 2]);
    assert_eq!(read(&[1, 0, 1, 2]), [1, 1, 2]);
    assert!(read(&[0, 0]).is_empty() && read(&[]).is_empty());
}

#[test]
fn what_is_no_frames_is_refused() {
    let refused = |logits: &[f32], width| {
        let outcome = ctc_beam_search(logits, CLASSES, width);
        outcome.expect_err("a refusal").to_string()
    };
    assert!(refused(&[0.0; 4], 8).contains("frames of 3 classes"));
    assert!(refused(&[0.0; 3], 0).contains("at least one prefix"));
    // What diverged is read as something, and does not stop the program.
    assert!(ctc_beam_search(&[f32::NAN; 6], CLASSES, 2).is_ok());
}
