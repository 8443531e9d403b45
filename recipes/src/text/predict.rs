//! Answers: scores, probabilities, classes.

use limbeck_models::{Classifier, Encoded};

use super::TextClassifier;
use crate::error::Result;

/// What a classifier thinks of one text.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Prediction {
    /// The most probable class.
    pub label: String,
    /// Its probability.
    pub probability: f64,
    /// The probability of every class, in the order of the labels.
    pub probabilities: Vec<f64>,
}

impl TextClassifier {
    /// The classes of texts, with probabilities.
    ///
    /// # Errors
    /// If it labels words and not texts, or the device failed.
    pub fn predict<T: AsRef<str> + Sync>(&self, texts: &[T]) -> Result<Vec<Prediction>> {
        if self.is_tagger() {
            let message = "this model labels the words of texts: ask it to tag";
            return Err(limbeck_engine::Error::Mismatch(message.into()).into());
        }
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let encoded = self.encoder.encode_all(texts);
        let logits = logits_of(self.model(), &encoded.iter().collect::<Vec<_>>())?;
        Ok(logits.iter().map(|row| self.decide(row)).collect())
    }

    fn decide(&self, logits: &[f32]) -> Prediction {
        let probabilities = softmax(logits);
        let best = argmax(logits);
        Prediction {
            label: self.labels[best].clone(),
            probability: probabilities[best],
            probabilities,
        }
    }
}

/// The numbers of the `k` most probable classes, the best first; of equals the first.
///
/// ```
/// let best = limbeck_recipes::text::best_classes(&[0.2, 0.5, 0.1, 0.2], 3);
/// assert_eq!(best.collect::<Vec<_>>(), [1, 0, 3]);
/// ```
pub fn best_classes(probabilities: &[f64], k: usize) -> impl Iterator<Item = usize> + use<> {
    let mut classes: Vec<usize> = (0..probabilities.len()).collect();
    classes.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
    classes.into_iter().take(k)
}

/// Index of the largest score; the first of equals.
pub(crate) fn argmax(scores: &[f32]) -> usize {
    let better = |best: usize, i: usize| if scores[i] > scores[best] { i } else { best };
    (0..scores.len()).fold(0, better)
}

/// Probabilities from scores.
pub(crate) fn softmax(logits: &[f32]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = logits
        .iter()
        .map(|&z| f64::from(z - largest).exp())
        .collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|p| p / sum).collect()
}

/// Class scores of encoded texts, in their order, computed in batches of like length.
///
/// # Errors
/// If the device failed.
pub(crate) fn logits_of(
    model: &dyn Classifier,
    texts: &[&Encoded],
) -> limbeck_engine::Result<Vec<Vec<f32>>> {
    const TOKENS: usize = 8192;
    let lengths: Vec<usize> = texts.iter().map(|t| t.len().max(1)).collect();
    let longest = lengths.iter().copied().max().unwrap_or(1);
    let pictures = texts.iter().any(|text| matches!(text, Encoded::Picture(_)));
    let batch_size = match pictures {
        // They may differ in size, and each is work enough.
        true => 1,
        false => (TOKENS / longest).clamp(16, 512),
    };
    let mut batches = limbeck_data::batch::evaluation_batches(&lengths, batch_size);
    let mut logits = vec![Vec::new(); texts.len()];
    if model.device().is_shapes() {
        // The first batch is the largest, and there are no scores to wait for.
        batches.truncate(1);
        let scores = |text: &&Encoded| vec![0.0; model.rows(text) * model.classes()];
        logits = texts.iter().map(scores).collect();
    }
    for rows in batches {
        let batch: Vec<&Encoded> = rows.iter().map(|&row| texts[row]).collect();
        for (&row, scores) in rows.iter().zip(model.predict(&batch)?) {
            logits[row] = scores;
        }
    }
    Ok(logits)
}
