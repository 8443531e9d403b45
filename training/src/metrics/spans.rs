//! Precision, recall and F1 of spans.
//!
//! A predicted span is correct if the truth has one with the same first and last token and the same
//! type. This is what `conlleval`, the scorer of the CoNLL shared tasks, counts; what it makes of
//! malformed tags stands in [`limbeck_data::tagging::spans`].
//!
//! ```text
//! precision = correct / predicted    recall = correct / gold    F1 = 2 correct / (gold + predicted)
//! ```
//!
//! over all types together (micro average), or of each type.

use std::collections::{BTreeMap, BTreeSet};

use limbeck_data::tagging::{Scheme, Span, spans};
use serde::{Deserialize, Serialize};

use super::{ClassScores, ratio};
use crate::error::{Result, TrainingError};

/// How often a type was right.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpanHits {
    /// Spans that are both predicted and true.
    pub correct: u64,
    /// Spans of the truth.
    pub gold: u64,
    /// Spans that were predicted.
    pub predicted: u64,
}

impl SpanHits {
    /// The rates; `support` is `gold`.
    pub fn scores(self) -> ClassScores {
        ClassScores {
            precision: ratio(self.correct, self.predicted),
            recall: ratio(self.correct, self.gold),
            f1: ratio(2 * self.correct, self.gold + self.predicted),
            support: self.gold,
            predicted: self.predicted,
        }
    }

    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: Self) {
        self.correct += other.correct;
        self.gold += other.gold;
        self.predicted += other.predicted;
    }
}

/// Spans counted by type, and tags by token.
///
/// ```
/// use limbeck_data::tagging::Scheme;
/// use limbeck_training::metrics::SpanCounts;
/// let mut counts = SpanCounts::default();
/// let (gold, predicted) = (["B-PER", "I-PER", "O", "B-LOC"], ["I-PER", "I-PER", "O", "O"]);
/// counts.add_sentence(&gold, &predicted, Scheme::Iob2)?;
/// assert_eq!((counts.total().precision, counts.total().recall), (1.0, 0.5));
/// assert_eq!(counts.token_accuracy(), Some(0.5));
/// # Ok::<(), limbeck_training::TrainingError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpanCounts {
    types: BTreeMap<String, SpanHits>,
    tokens: u64,
    correct_tokens: u64,
}

impl SpanCounts {
    /// Counts the spans of a sentence, in any order; one that a list repeats counts once.
    pub fn add_spans(&mut self, gold: &[Span], predicted: &[Span]) {
        let gold: BTreeSet<&Span> = gold.iter().collect();
        let predicted: BTreeSet<&Span> = predicted.iter().collect();
        for span in &gold {
            self.of(span).gold += 1;
        }
        for span in &predicted {
            self.of(span).predicted += 1;
        }
        for span in gold.intersection(&predicted) {
            self.of(span).correct += 1;
        }
    }

    /// Counts the spans of a tagged sentence, and the tokens whose tags are equal.
    ///
    /// # Errors
    /// If the sentence has more tags of one kind than of the other.
    pub fn add_sentence<G: AsRef<str>, P: AsRef<str>>(
        &mut self,
        gold: &[G],
        predicted: &[P],
        scheme: Scheme,
    ) -> Result<()> {
        if gold.len() != predicted.len() {
            return Err(TrainingError::Data(format!(
                "{} true tags but {} predicted ones: each token needs one of both",
                gold.len(),
                predicted.len()
            )));
        }
        let equal = gold
            .iter()
            .zip(predicted)
            .filter(|(g, p)| g.as_ref() == p.as_ref());
        self.correct_tokens += equal.count() as u64;
        self.tokens += gold.len() as u64;
        self.add_spans(&spans(gold, scheme), &spans(predicted, scheme));
        Ok(())
    }

    /// Adds what was counted elsewhere.
    pub fn merge(&mut self, other: &Self) {
        for (kind, hits) in &other.types {
            self.types.entry(kind.clone()).or_default().add(*hits);
        }
        self.tokens += other.tokens;
        self.correct_tokens += other.correct_tokens;
    }

    /// The counts of all types together.
    pub fn hits(&self) -> SpanHits {
        let mut total = SpanHits::default();
        self.types.values().for_each(|hits| total.add(*hits));
        total
    }

    /// The counts of each type that occurs, in byte order.
    pub fn per_type(&self) -> impl Iterator<Item = (&str, SpanHits)> {
        self.types.iter().map(|(kind, hits)| (kind.as_str(), *hits))
    }

    /// Precision, recall and F1 over all types together; `f1` is what is reported as `span_f1`.
    pub fn total(&self) -> ClassScores {
        self.hits().scores()
    }

    /// The mean F1 over the types that occur in the truth, as [`super::ConfusionMatrix::macro_f1`] is.
    pub fn macro_f1(&self) -> f64 {
        let occurring = self.types.values().filter(|hits| hits.gold > 0);
        let f1: Vec<f64> = occurring.map(|hits| hits.scores().f1).collect();
        if f1.is_empty() {
            return 0.0;
        }
        f1.iter().sum::<f64>() / f1.len() as f64
    }

    /// The share of tokens whose whole tag is right; none if no tags were counted.
    pub fn token_accuracy(&self) -> Option<f64> {
        (self.tokens > 0).then(|| ratio(self.correct_tokens, self.tokens))
    }

    fn of(&mut self, span: &Span) -> &mut SpanHits {
        self.types.entry(span.kind.clone()).or_default()
    }
}

#[cfg(test)]
mod tests;
