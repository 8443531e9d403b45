//! Keyphrases that occur in their text, stemmed and ranked: how papers on neural keyphrase generation
//! judge.
//!
//! - Text and phrases are cut into tokens ([`limbeck_data::keywords::tokens`]), put into lower case and
//!   stemmed. The stemmer is Porter's own revision of his algorithm, English of Snowball ("Porter2");
//!   the papers use the form of 1980, which differs in few words.
//! - Phrases with the same stems are one. Those whose stems do not stand in the text, in this order and
//!   without a gap, are left out of both lists: **present** keyphrases.
//! - Of the ranked predictions the first k count. `P@k = correct / k` also where fewer than k phrases were
//!   predicted, as if wrong ones filled the list (Chan et al. 2019, and the papers that compare with
//!   it); Meng et al. 2017 divide by the number predicted then, which is at least as large.
//!   `P@all = correct / predicted` (F1@M).
//! - `R = correct / present gold`, and F1 is the harmonic mean, all of them for each document; what is
//!   reported is the mean over documents (macro average). Documents without a present keyphrase have
//!   no recall: they are counted and left out.

use std::collections::HashSet;

use limbeck_data::keywords::tokens;
use rust_stemmers::{Algorithm, Stemmer};
use serde::{Deserialize, Serialize};

use super::ratio;

/// Means over documents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct MacroScores {
    /// Of the phrases predicted, the share that is right.
    pub precision: f64,
    /// Of the phrases of the truth, the share that was found.
    pub recall: f64,
    /// The mean of the documents' harmonic means, not the harmonic mean of the means.
    pub f1: f64,
}

/// The scores of present keyphrases.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PresentScores {
    /// Of the first five predictions.
    pub at_5: MacroScores,
    /// Of the first ten.
    pub at_10: MacroScores,
    /// Of all (F1@M).
    pub at_all: MacroScores,
    /// Documents in the mean.
    pub documents: u64,
    /// Documents left out, since none of their keyphrases occurs in the text.
    pub left_out: u64,
}

/// Collects documents.
///
/// ```
/// use limbeck_training::metrics::PresentKeyphrases;
/// let mut present = PresentKeyphrases::default();
/// // "vision" is in no text, and the two others have the same stems.
/// present.add("A neural network learns.", &["neural networks", "learning", "vision"], &["Neural Network"]);
/// let scores = present.scores().unwrap();
/// assert_eq!((scores.at_5.precision, scores.at_all.precision), (1.0 / 5.0, 1.0 / 2.0));
/// assert_eq!(scores.at_5.recall, 1.0);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PresentKeyphrases {
    /// Sums over documents, at 5, 10 and all.
    sums: [MacroScores; 3],
    documents: u64,
    left_out: u64,
}

impl PresentKeyphrases {
    /// Counts a document: its text, the predicted phrases from best to worst, and all its keyphrases.
    pub fn add<P: AsRef<str>, G: AsRef<str>>(&mut self, text: &str, predicted: &[P], gold: &[G]) {
        let text = stemmed(text);
        let predicted = present(&text, predicted);
        let gold: HashSet<Vec<String>> = present(&text, gold).into_iter().collect();
        if gold.is_empty() {
            self.left_out += 1;
            return;
        }
        self.documents += 1;
        let right: Vec<bool> = predicted
            .iter()
            .map(|phrase| gold.contains(phrase))
            .collect();
        for (sum, k) in self.sums.iter_mut().zip([5, 10, right.len()]) {
            let correct = right.iter().take(k).filter(|right| **right).count() as u64;
            let (k, gold) = (k as u64, gold.len() as u64);
            sum.precision += ratio(correct, k);
            sum.recall += ratio(correct, gold);
            sum.f1 += ratio(2 * correct, k + gold);
        }
    }

    /// The means; none if no document had a present keyphrase.
    pub fn scores(&self) -> Option<PresentScores> {
        let n = self.documents as f64;
        let mean = |sum: MacroScores| MacroScores {
            precision: sum.precision / n,
            recall: sum.recall / n,
            f1: sum.f1 / n,
        };
        let [at_5, at_10, at_all] = self.sums.map(mean);
        (self.documents > 0).then_some(PresentScores {
            at_5,
            at_10,
            at_all,
            documents: self.documents,
            left_out: self.left_out,
        })
    }
}

/// The stems of the tokens of a text, in lower case.
///
/// ```
/// use limbeck_training::metrics::stemmed;
/// assert_eq!(stemmed("Relational databases"), ["relat", "databas"]);
/// ```
pub fn stemmed(text: &str) -> Vec<String> {
    let stemmer = Stemmer::create(Algorithm::English);
    let lower = text.to_lowercase();
    let stem = |token: limbeck_data::keywords::Token| stemmer.stem(&token.text).into_owned();
    tokens(&lower).into_iter().map(stem).collect()
}

/// The phrases that stand in the text, each once, in their order.
fn present<T: AsRef<str>>(text: &[String], phrases: &[T]) -> Vec<Vec<String>> {
    let mut seen = HashSet::new();
    let stems = phrases.iter().map(|phrase| stemmed(phrase.as_ref()));
    let stands = |stems: &[String]| text.windows(stems.len()).any(|window| window == stems);
    // A window has one token at least.
    let stems = stems.filter(|stems| !stems.is_empty() && stands(stems));
    stems.filter(|stems| seen.insert(stems.clone())).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scores(text: &str, predicted: &[&str], gold: &[&str]) -> PresentScores {
        let mut present = PresentKeyphrases::default();
        present.add(text, predicted, gold);
        present.scores().expect("a present keyphrase")
    }

    // One quotient and one division by the number of documents.
    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-15
    }

    const TEXT: &str = "a b c d e f g h i j k l; graph theories, and the theory of graphs";

    #[test]
    fn the_first_k_count_and_too_few_are_filled_up() {
        let found = scores(TEXT, &["a", "x", "b", "q r", "c"], &["a", "c", "d", "e"]);
        // "x" and "q r" do not stand in the text: three predictions, two of them right.
        assert!(close(found.at_5.precision, 2.0 / 5.0) && close(found.at_10.precision, 0.2));
        assert!(close(found.at_all.precision, 2.0 / 3.0));
        assert!(close(found.at_5.recall, 0.5) && close(found.at_all.recall, 0.5));
        assert!(close(found.at_5.f1, 4.0 / 9.0) && close(found.at_10.f1, 4.0 / 14.0));
        assert!(close(found.at_all.f1, 4.0 / 7.0));
        // More than k: what is right behind the fifth does not count at 5.
        let many = ["b", "c", "d", "e", "f", "a", "g", "h", "i", "j", "k"];
        let found = scores(TEXT, &many, &["a", "b", "k"]);
        assert!(close(found.at_5.precision, 0.2) && close(found.at_10.precision, 0.2));
        assert!(close(found.at_10.recall, 2.0 / 3.0) && close(found.at_all.recall, 1.0));
        assert!(close(found.at_all.precision, 3.0 / 11.0));
    }

    #[test]
    fn phrases_of_the_same_stems_are_one() {
        let predicted = ["graph theory", "Graphs theories", "theories of graph"];
        let found = scores(TEXT, &predicted, &["Graph Theory", "graph theories"]);
        assert!(close(found.at_all.precision, 0.5) && close(found.at_all.recall, 1.0));
        // The words of a phrase must stand together and in order.
        let found = scores(
            TEXT,
            &["theory graph", "a c", "f g"],
            &["f g", "theories graphs"],
        );
        assert_eq!((found.at_all.precision, found.at_all.recall), (1.0, 1.0));
    }

    #[test]
    fn means_are_over_documents_that_have_something_to_find() {
        let mut present = PresentKeyphrases::default();
        assert_eq!(present.scores(), None);
        present.add("a b", &["a"], &["x"]);
        assert_eq!(present.scores(), None);
        present.add("a b", &["a"], &["a"]);
        present.add::<&str, &str>("a b", &[], &["a", "b"]);
        let found = present.scores().expect("two documents");
        assert_eq!((found.documents, found.left_out), (2, 1));
        assert_eq!(
            (found.at_all.precision, found.at_all.recall, found.at_all.f1),
            (0.5, 0.5, 0.5)
        );
        assert!(close(found.at_5.precision, 0.1) && close(found.at_5.f1, 1.0 / 6.0));
        // A prediction without a letter or a sign is none, and asks for no empty window.
        let nothing = scores("a b", &[" ", "a"], &["a"]);
        assert_eq!(nothing.at_all.precision, 1.0);
        let short = scores("a", &["a b c"], &["a"]);
        assert_eq!(short.at_all.precision, 0.0);
    }

    proptest! {
        // The stemmer cuts strings at byte positions of its own.
        #[test]
        fn any_text_can_be_stemmed(text in "\\PC{0,30}|[a-zA-ZéßİΣſ']{0,12}") {
            let lower = text.to_lowercase();
            prop_assert_eq!(stemmed(&text).len(), tokens(&lower).len());
        }

        #[test]
        fn a_perfect_prediction_is_perfect(
            text in "[a-d]{1,2}( [a-d]{1,2}){0,12}",
            gold in prop::collection::vec("[a-d]{1,2}( [a-d]{1,2})?", 1..12),
        ) {
            let mut present = PresentKeyphrases::default();
            present.add(&text, &gold, &gold);
            if let Some(found) = present.scores() {
                let all = MacroScores { precision: 1.0, recall: 1.0, f1: 1.0 };
                prop_assert_eq!(found.at_all, all);
                prop_assert!(found.at_5.recall <= found.at_10.recall);
            }
        }
    }
}
