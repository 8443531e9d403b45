//! The gate: a score of what a model says, and a threshold.

use std::collections::VecDeque;

use limbeck_training::metrics::ConfusionMatrix;
use serde::{Deserialize, Serialize};

use super::options::{GateMixupOptions, Granularity, Metric};
use crate::config::OffOr;
use crate::text::{argmax, softmax};

/// Whether a score opens the gate: `f >= θ`.
///
/// ```
/// use limbeck_recipes::gate_mixup::is_open;
/// assert!(is_open(0.5, 0.5));
/// assert!(!is_open(0.49, 0.5));
/// assert!(is_open(0.0, 0.0));
/// ```
pub fn is_open(score: f64, threshold: f64) -> bool {
    score >= threshold
}

/// The score of one text from its class scores: [`Metric::Probability`], [`Metric::Correct`] or
/// [`Metric::Certainty`]. A metric of batches gives the share of correct predictions, of one.
pub fn text_score(metric: Metric, logits: &[f32], label: u32) -> f64 {
    match metric {
        Metric::Probability => softmax(logits)[label as usize],
        Metric::Certainty => {
            let entropy: f64 = softmax(logits)
                .into_iter()
                .filter(|p| *p > 0.0)
                .map(|p| -p * p.ln())
                .sum();
            // With a single class there is nothing to be uncertain of.
            let certainty = 1.0 - entropy / (logits.len() as f64).ln().max(f64::MIN_POSITIVE);
            // Rounding must not take it below a threshold of 0.
            certainty.clamp(0.0, 1.0)
        }
        _ => f64::from(u8::from(argmax(logits) == label as usize)),
    }
}

/// The score of a batch from its predictions and labels.
///
/// Macro-F1 is the mean over the classes that occur in the labels or in the predictions: a class
/// that occurs in neither is left out, and one that is only predicted counts 0.
///
/// ```
/// use limbeck_recipes::gate_mixup::{Metric, batch_score};
/// // Class 2 occurs nowhere; F1 is 2/3 for class 0 and 4/5 for class 1.
/// let f1 = batch_score(Metric::MacroF1, &[0, 1, 1, 0], &[0, 1, 1, 1], 3);
/// assert!((f1 - (2.0 / 3.0 + 0.8) / 2.0).abs() < 1e-12);
/// assert_eq!(batch_score(Metric::MicroF1, &[0, 1, 1, 0], &[0, 1, 1, 1], 3), 0.75);
/// ```
pub fn batch_score(metric: Metric, predictions: &[u32], labels: &[u32], classes: usize) -> f64 {
    let matrix = ConfusionMatrix::from_labels(labels, predictions, classes)
        .expect("a label and a class for each text, below the number of classes");
    if metric != Metric::MacroF1 {
        return matrix.accuracy();
    }
    let scores = matrix.per_class();
    let occurring = scores
        .iter()
        .filter(|class| class.support + class.predicted > 0);
    let (sum, count) = occurring.fold((0.0, 0u32), |(sum, n), class| (sum + class.f1, n + 1));
    sum / f64::from(count.max(1))
}

/// What the gate made of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdicts {
    /// Whether the gate is open, for each text.
    pub open: Vec<bool>,
    /// The scores: one for each text, or one for all.
    pub scores: Vec<f64>,
    /// The threshold they were compared with.
    pub threshold: f64,
}

/// The latest scores, from which a threshold is taken that keeps a wanted share closed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// Update and scores, the oldest first.
    latest: VecDeque<(u64, Vec<f64>)>,
}

/// Scores that are remembered.
const REMEMBERED: usize = 1024;

impl Memory {
    /// The q-quantile of the scores of updates before `step`; none without any.
    pub fn quantile(&self, step: u64, q: f64) -> Option<f64> {
        let before = self.latest.iter().filter(|(of, _)| *of < step);
        let mut scores: Vec<f64> = before.flat_map(|(_, scores)| scores).copied().collect();
        scores.sort_by(f64::total_cmp);
        let place = (q * scores.len() as f64) as usize;
        scores
            .get(place.min(scores.len().saturating_sub(1)))
            .copied()
    }

    /// Adds the scores of an update. One that is there already, since the update is replayed, stays.
    pub fn remember(&mut self, step: u64, scores: &[f64]) {
        if self.latest.back().is_some_and(|(last, _)| *last >= step) {
            return;
        }
        self.latest.push_back((step, scores.to_vec()));
        let mut count: usize = self.latest.iter().map(|(_, scores)| scores.len()).sum();
        // The scores of one update stay together.
        while let Some((_, oldest)) = self.latest.front()
            && count - oldest.len() >= REMEMBERED
        {
            count -= oldest.len();
            self.latest.pop_front();
        }
    }
}

/// Scores the texts of a batch and compares them with the threshold. `logits` are those the scores
/// are to be made of: the sender's own, or those of models that have not seen the texts.
pub fn judge(
    options: &GateMixupOptions,
    logits: &[&[f32]],
    labels: &[u32],
    (step, memory): (u64, &mut Memory),
) -> Verdicts {
    let scores: Vec<f64> = match options.gate {
        Granularity::Sample => logits
            .iter()
            .zip(labels)
            .map(|(logits, &label)| text_score(options.metric, logits, label))
            .collect(),
        Granularity::Batch => {
            let predictions: Vec<u32> = logits.iter().map(|row| argmax(row) as u32).collect();
            let classes = logits.first().map_or(0, |row| row.len());
            vec![batch_score(options.metric, &predictions, labels, classes)]
        }
    };
    let threshold = match options.closed_share {
        OffOr::Off => options.threshold,
        // The first update has nothing to go by.
        OffOr::On(share) => memory.quantile(step, share).unwrap_or(options.threshold),
    };
    memory.remember(step, &scores);
    let open: Vec<bool> = scores
        .iter()
        .map(|&score| is_open(score, threshold))
        .collect();
    let open = match options.gate {
        Granularity::Sample => open,
        Granularity::Batch => vec![open[0]; labels.len()],
    };
    Verdicts {
        open,
        scores,
        threshold,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layerwise::Preset;

    #[test]
    fn scores_of_texts() {
        let logits = [0.0, f32::ln(3.0)];
        assert!((text_score(Metric::Probability, &logits, 0) - 0.25).abs() < 1e-7);
        assert_eq!(text_score(Metric::Correct, &logits, 1), 1.0);
        assert_eq!(text_score(Metric::Correct, &logits, 0), 0.0);
        for classes in [3, 5, 12, 52] {
            let undecided = text_score(Metric::Certainty, &vec![2.0; classes], 0);
            assert!((0.0..1e-12).contains(&undecided), "{classes}: {undecided}");
        }
        assert!((text_score(Metric::Certainty, &[100.0, 0.0], 1) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn macro_f1_of_a_batch_with_absent_classes() {
        // Class 3 is predicted once and never true: it counts 0. Class 2 occurs nowhere.
        let f1 = batch_score(Metric::MacroF1, &[0, 0, 1, 3], &[0, 0, 1, 1], 4);
        assert!((f1 - (1.0 + 2.0 / 3.0 + 0.0) / 3.0).abs() < 1e-12);
    }

    #[test]
    fn an_adaptive_threshold_closes_the_wanted_share() {
        let options = GateMixupOptions {
            closed_share: OffOr::On(0.3),
            ..GateMixupOptions::preset(Preset::Tuned)
        };
        let mut memory = Memory::default();
        let logits: Vec<[f32; 2]> = (0..200)
            .map(|i| [(i * 37 % 200) as f32 / 50.0, 1.0])
            .collect();
        let rows: Vec<&[f32]> = logits.iter().map(<[f32; 2]>::as_slice).collect();
        let labels = vec![0; 200];
        let first = judge(&options, &rows, &labels, (0, &mut memory));
        assert_eq!(first.threshold, 0.5);
        let second = judge(&options, &rows, &labels, (1, &mut memory));
        let closed = second.open.iter().filter(|open| !**open).count();
        assert_eq!(closed, 60);
        // Replayed, the update sees what it saw.
        assert_eq!(judge(&options, &rows, &labels, (1, &mut memory)), second);
    }

    #[test]
    fn memory_forgets_the_oldest_updates_whole() {
        let mut memory = Memory::default();
        for step in 0..100 {
            memory.remember(step, &[step as f64; 100]);
        }
        assert_eq!(memory.quantile(100, 0.0), Some(89.0));
        assert_eq!(memory.quantile(100, 1.0), Some(99.0));
        assert_eq!(memory.quantile(89, 0.5), None);
    }
}
