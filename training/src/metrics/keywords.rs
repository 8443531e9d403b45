//! Keywords compared as they are written.

use std::collections::{BTreeSet, HashSet};

use limbeck_data::keywords::phrase_form;
use serde::{Deserialize, Serialize};

use super::{ClassScores, SpanHits};

/// F1 of one sample: `2 |P ∩ G| / (|P| + |G|)` of two sets, whatever their members are (keywords, spans
/// with their types). Two empty sets agree: 1; an empty one and another: 0.
///
/// ```
/// use limbeck_training::metrics::sample_f1;
/// assert_eq!(sample_f1(&["a", "b", "b"], &["b"]), 2.0 / 3.0);
/// assert_eq!(sample_f1::<&str>(&[], &[]), 1.0);
/// ```
pub fn sample_f1<T: Ord>(predicted: &[T], gold: &[T]) -> f64 {
    let predicted: BTreeSet<&T> = predicted.iter().collect();
    let gold: BTreeSet<&T> = gold.iter().collect();
    let all = predicted.len() + gold.len();
    if all == 0 {
        return 1.0;
    }
    2.0 * predicted.intersection(&gold).count() as f64 / all as f64
}

/// Keywords counted over documents (micro average): a predicted phrase is correct if the document has a
/// keyword of the same form ([`phrase_form`]: lower case, white space squeezed). The gold is all of them,
/// also those that do not occur in the text, as in Hulth (2003) and TextRank: so extraction alone cannot
/// reach a recall of 1. In either list phrases of the same form count once.
///
/// ```
/// use limbeck_training::metrics::KeywordScores;
/// let mut scores = KeywordScores::default();
/// scores.add(&["Graphs", "trees"], &["graphs", "graph  theory", "planarity"]);
/// assert_eq!((scores.total().precision, scores.total().recall), (0.5, 1.0 / 3.0));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeywordScores {
    hits: SpanHits,
}

impl KeywordScores {
    /// Counts a document.
    pub fn add<P: AsRef<str>, G: AsRef<str>>(&mut self, predicted: &[P], gold: &[G]) {
        let predicted = forms(predicted);
        let gold = forms(gold);
        self.hits.predicted += predicted.len() as u64;
        self.hits.gold += gold.len() as u64;
        self.hits.correct += predicted.intersection(&gold).count() as u64;
    }

    /// What was counted.
    pub fn hits(&self) -> SpanHits {
        self.hits
    }

    /// Precision, recall and F1; `f1` is what is reported as `keyword_f1`.
    pub fn total(&self) -> ClassScores {
        self.hits.scores()
    }
}

fn forms<T: AsRef<str>>(phrases: &[T]) -> HashSet<String> {
    let forms = phrases.iter().map(|phrase| phrase_form(phrase.as_ref()));
    forms.filter(|form| !form.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keywords_agree_by_their_form() {
        let mut scores = KeywordScores::default();
        scores.add(
            &["Neural Nets", "neural  nets", " "],
            &["neural nets", "Vision", "VISION"],
        );
        let expected = SpanHits {
            correct: 1,
            gold: 2,
            predicted: 1,
        };
        assert_eq!(scores.hits(), expected);
        // Not by their stem, and not across documents.
        scores.add(&["networks", "vision"], &["network"]);
        let expected = SpanHits {
            correct: 1,
            gold: 3,
            predicted: 3,
        };
        assert_eq!(scores.hits(), expected);
        assert_eq!(scores.total().f1, 2.0 / 6.0);
        assert_eq!(KeywordScores::default().total().f1, 0.0);
    }

    #[test]
    fn f1_of_one_sample() {
        assert_eq!(sample_f1::<u8>(&[], &[]), 1.0);
        assert_eq!(sample_f1(&[], &[1]), 0.0);
        assert_eq!(sample_f1(&[1], &[]), 0.0);
        assert_eq!(sample_f1(&[3, 1], &[1, 3]), 1.0);
        // One of two predicted and one of three true: 2 / 5.
        assert_eq!(sample_f1(&[1, 4], &[1, 2, 3]), 0.4);
    }

    proptest! {
        #[test]
        fn f1_is_the_harmonic_mean_and_symmetric(
            predicted in prop::collection::btree_set(0_u8..9, 1..6),
            gold in prop::collection::btree_set(0_u8..9, 1..6),
        ) {
            let hits = predicted.intersection(&gold).count() as f64;
            let (p, r) = (hits / predicted.len() as f64, hits / gold.len() as f64);
            let expected = if hits > 0.0 { 2.0 * p * r / (p + r) } else { 0.0 };
            let (predicted, gold): (Vec<u8>, Vec<u8>) =
                (predicted.into_iter().collect(), gold.into_iter().collect());
            let found = sample_f1(&predicted, &gold);
            // Five roundings of f64 on the other side.
            prop_assert!((found - expected).abs() < 1e-15);
            prop_assert_eq!(found, sample_f1(&gold, &predicted));
        }
    }
}
