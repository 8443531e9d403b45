//! Errors of recognised strings.

use serde::{Deserialize, Serialize};

use crate::error::{Result, TrainingError};

/// Words (digits, phones: whatever a string is made of) that were recognised as others, left out, or
/// put in, counted over clips by the alignment with the fewest errors (Levenshtein 1966).
///
/// ```text
/// word error rate = (substitutions + deletions + insertions) / words of the truth
/// ```
///
/// ```
/// use limbeck_training::metrics::WordErrors;
/// let mut errors = WordErrors::default();
/// errors.add(&["one", "two", "three"], &["one", "too", "three", "four"])?;
/// assert_eq!((errors.substitutions, errors.deletions, errors.insertions), (1, 0, 1));
/// assert_eq!(errors.rate(), 2.0 / 3.0);
/// # Ok::<(), limbeck_training::TrainingError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordErrors {
    /// Words of the truth in whose place another was recognised.
    pub substitutions: u64,
    /// Words of the truth in whose place nothing was.
    pub deletions: u64,
    /// Recognised words in whose place the truth has none.
    pub insertions: u64,
    /// Words of the truth.
    pub words: u64,
}

/// Steps of the alignment; the table of a longer clip would take gigabytes.
const MOST_STEPS: usize = 1 << 28;

impl WordErrors {
    /// Counts a clip. Where several alignments have the fewest errors, the one is taken that, from the end
    /// on, goes by substitutions (or equal words) before deletions before insertions; their sum is the
    /// same for all.
    ///
    /// # Errors
    /// Strings so long that the product of their lengths is above 2^28.
    pub fn add<T: PartialEq>(&mut self, truth: &[T], predicted: &[T]) -> Result<()> {
        let steps = (truth.len() + 1).saturating_mul(predicted.len() + 1);
        if steps > MOST_STEPS {
            return Err(TrainingError::Data(format!(
                "a string of {} words recognised as {}: their product must be below {MOST_STEPS}; cut \
                 the clip into parts",
                truth.len(),
                predicted.len()
            )));
        }
        let distance = distances(truth, predicted);
        let columns = predicted.len() + 1;
        let at = |t: usize, p: usize| distance[t * columns + p];
        let (mut t, mut p) = (truth.len(), predicted.len());
        while t > 0 || p > 0 {
            let here = at(t, p);
            let differ = t > 0 && p > 0 && truth[t - 1] != predicted[p - 1];
            if t > 0 && p > 0 && here == at(t - 1, p - 1) + u32::from(differ) {
                self.substitutions += u64::from(differ);
                (t, p) = (t - 1, p - 1);
            } else if t > 0 && here == at(t - 1, p) + 1 {
                self.deletions += 1;
                t -= 1;
            } else {
                self.insertions += 1;
                p -= 1;
            }
        }
        self.words += truth.len() as u64;
        Ok(())
    }

    /// Adds what was counted elsewhere.
    pub fn merge(&mut self, other: &Self) {
        self.substitutions += other.substitutions;
        self.deletions += other.deletions;
        self.insertions += other.insertions;
        self.words += other.words;
    }

    /// All errors.
    pub fn errors(&self) -> u64 {
        self.substitutions + self.deletions + self.insertions
    }

    /// Errors for each word of the truth, over all clips together; above 1 if many words are put in. A
    /// clip without words adds its insertions to the errors and nothing to the words; if no clip has a
    /// word, the errors are divided by 1, so that the rate stays a number.
    pub fn rate(&self) -> f64 {
        self.errors() as f64 / self.words.max(1) as f64
    }
}

/// The fewest errors between the first `t` words and the first `p`, for all `t` and `p`:
/// `[truth + 1, predicted + 1]`, row-major.
fn distances<T: PartialEq>(truth: &[T], predicted: &[T]) -> Vec<u32> {
    let columns = predicted.len() + 1;
    let mut distance = Vec::with_capacity((truth.len() + 1) * columns);
    // The lengths are below 2^28, as the check of their product has it.
    distance.extend(0..columns as u32);
    for (t, word) in truth.iter().enumerate() {
        distance.push(t as u32 + 1);
        for (p, other) in predicted.iter().enumerate() {
            let above = t * columns + p;
            let replaced = distance[above] + u32::from(word != other);
            let shorter = distance[above + 1].min(distance[above + columns]) + 1;
            distance.push(replaced.min(shorter));
        }
    }
    distance
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn errors(truth: &str, predicted: &str) -> (u64, u64, u64) {
        let mut errors = WordErrors::default();
        let letters = |word: &str| word.chars().collect::<Vec<_>>();
        errors.add(&letters(truth), &letters(predicted)).unwrap();
        assert_eq!(errors.words, truth.chars().count() as u64);
        (errors.substitutions, errors.deletions, errors.insertions)
    }

    #[test]
    fn kinds_of_errors_are_told_apart() {
        assert_eq!(errors("abc", "abc"), (0, 0, 0));
        assert_eq!(errors("abc", "axc"), (1, 0, 0));
        assert_eq!(errors("abc", "ac"), (0, 1, 0));
        assert_eq!(errors("abc", "abxc"), (0, 0, 1));
        assert_eq!(errors("abc", ""), (0, 3, 0));
        assert_eq!(errors("", "abc"), (0, 0, 3));
        assert_eq!(errors("", ""), (0, 0, 0));
        // The textbook's pair: two letters replaced, one put in.
        assert_eq!(errors("kitten", "sitting"), (2, 0, 1));
        // Two substitutions rather than a deletion and an insertion.
        assert_eq!(errors("ab", "ba"), (2, 0, 0));
        assert_eq!(errors("abcde", "bcdex"), (0, 1, 1));
    }

    #[test]
    fn clips_add_up_and_an_empty_truth_keeps_the_rate_a_number() {
        let mut all = WordErrors::default();
        all.add(&[1, 2, 3], &[1, 2]).unwrap();
        all.add(&[], &[7]).unwrap();
        assert_eq!((all.errors(), all.words), (2, 3));
        assert_eq!(all.rate(), 2.0 / 3.0);
        let mut empty = WordErrors::default();
        assert_eq!(empty.rate(), 0.0);
        empty.add(&[], &[7, 7]).unwrap();
        assert_eq!(empty.rate(), 2.0);
        empty.merge(&all);
        assert_eq!(
            (empty.rate(), empty.insertions, empty.deletions),
            (4.0 / 3.0, 3, 1)
        );
        let long = vec![0u8; 1 << 15];
        let error = all.add(&long, &long).unwrap_err().to_string();
        assert!(error.contains("cut the clip"), "{error}");
    }

    /// The fewest errors by trying everything.
    fn fewest(truth: &[u8], predicted: &[u8]) -> u64 {
        match (truth.split_first(), predicted.split_first()) {
            (None, _) => predicted.len() as u64,
            (_, None) => truth.len() as u64,
            (Some((a, truth_rest)), Some((b, predicted_rest))) => {
                let replaced = fewest(truth_rest, predicted_rest) + u64::from(a != b);
                let deleted = fewest(truth_rest, predicted) + 1;
                replaced.min(deleted).min(fewest(truth, predicted_rest) + 1)
            }
        }
    }

    proptest! {
        #[test]
        fn no_alignment_has_fewer_errors(
            truth in prop::collection::vec(0u8..3, 0..6),
            predicted in prop::collection::vec(0u8..3, 0..6),
        ) {
            let mut errors = WordErrors::default();
            errors.add(&truth, &predicted).unwrap();
            prop_assert_eq!(errors.errors(), fewest(&truth, &predicted));
            // Every word is kept, replaced or left out; every recognised one kept, replaced or put in.
            let longer = truth.len() as i64 - predicted.len() as i64;
            prop_assert_eq!(errors.deletions as i64 - errors.insertions as i64, longer);
            let placed = errors.substitutions + errors.deletions;
            prop_assert!(placed <= truth.len() as u64);
        }
    }
}
