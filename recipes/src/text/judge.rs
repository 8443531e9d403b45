//! Measuring a finished classifier: quality, size, speed.

use std::time::Instant;

use limbeck_data::read::LabelledSet;
use limbeck_models::{Classifier, Encoded};
use limbeck_training::metrics::ConfusionMatrix;
use limbeck_training::predictions::Answer;
use limbeck_training::run_folder::Metrics;

use super::predict::{argmax, logits_of, softmax};
use super::{Encoder, TextClassifier};
use crate::error::Result;

/// How a classifier did on labelled texts.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Truth against decision.
    pub confusion: ConfusionMatrix,
    /// Mean cross-entropy.
    pub loss: f64,
    /// The decision on each text, its probability, and the loss.
    pub answers: Vec<Answer>,
}

/// Judges encoded texts against their labels.
///
/// # Errors
/// If the device failed.
pub fn judge(
    model: &dyn Classifier,
    texts: &[&Encoded],
    labels: &[u32],
) -> limbeck_training::Result<Judged> {
    Judged::of_logits(&logits_of(model, texts)?, labels, model.classes())
}

impl Judged {
    /// Judges rows of scores against labels.
    pub(crate) fn of_logits<R: AsRef<[f32]>>(
        logits: &[R],
        labels: &[u32],
        classes: usize,
    ) -> limbeck_training::Result<Self> {
        let answer = |(row, &label): (&R, &u32)| {
            let row = row.as_ref();
            let decided = argmax(row);
            let loss = negative_log_likelihood(row, label);
            let answer = Answer::of_class(decided as u32, softmax(row)[decided], loss);
            (answer, loss)
        };
        let answers = logits.iter().zip(labels).map(answer);
        let (answers, losses): (Vec<Answer>, Vec<f64>) = answers.unzip();
        let decisions: Vec<u32> = answers.iter().filter_map(|answer| answer.decided).collect();
        Ok(Judged {
            loss: losses.iter().sum::<f64>() / labels.len().max(1) as f64,
            confusion: ConfusionMatrix::from_labels(labels, &decisions, classes)?,
            answers,
        })
    }

    /// The figures of a results table. `unseen` marks the texts that are absent from train; where
    /// there are any, quality on them is given as well.
    pub(crate) fn metrics(
        &self,
        labels: &[u32],
        unseen: &[bool],
    ) -> limbeck_training::Result<Metrics> {
        let mut metrics = Metrics::of_classifier(&self.confusion);
        let rows = || {
            unseen
                .iter()
                .enumerate()
                .filter(|(_, unseen)| **unseen)
                .map(|(row, _)| row)
        };
        if rows().next().is_some() {
            let truth: Vec<u32> = rows().map(|row| labels[row]).collect();
            let decided: Vec<u32> = rows().filter_map(|row| self.answers[row].decided).collect();
            let classes = self.confusion.classes();
            let matrix = ConfusionMatrix::from_labels(&truth, &decided, classes)?;
            metrics = metrics
                .rate("accuracy_unseen", matrix.accuracy())
                .rate("macro_f1_unseen", matrix.macro_f1());
        }
        Ok(metrics.rate("cross_entropy", self.loss))
    }
}

fn negative_log_likelihood(logits: &[f32], label: u32) -> f64 {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|&z| f64::from(z - largest).exp()).sum();
    sum.ln() + f64::from(largest - logits[label as usize])
}

impl TextClassifier {
    /// Quality on labelled texts. `unseen` marks the texts that are absent from train; where
    /// there are any, quality on them is given as well.
    ///
    /// # Errors
    /// If the device failed.
    pub fn quality(
        &self,
        set: &LabelledSet,
        unseen: &[bool],
    ) -> Result<(Metrics, ConfusionMatrix)> {
        let (metrics, judged) = self.judged(set, unseen)?;
        Ok((metrics, judged.confusion))
    }

    /// [`TextClassifier::quality`] with the answers to the texts.
    pub(crate) fn judged(&self, set: &LabelledSet, unseen: &[bool]) -> Result<(Metrics, Judged)> {
        let encoded = self.encoder.encode_all(&set.texts);
        let judged = judge(
            &*self.model,
            &encoded.iter().collect::<Vec<_>>(),
            &set.labels,
        )?;
        Ok((judged.metrics(&set.labels, unseen)?, judged))
    }

    /// Adds size, and microseconds per text, to the figures of a row of a results table.
    ///
    /// # Errors
    /// If the device failed.
    pub fn with_cost(&self, metrics: Metrics, texts: &[String]) -> Result<Metrics> {
        let micros = time_per_text(&self.encoder, &*self.model, texts)?;
        Ok(self.with_size(metrics).rate("us_per_text", micros))
    }

    /// Adds the number of parameters and their bytes.
    pub fn with_size(&self, metrics: Metrics) -> Metrics {
        let parameters = self.model.parameter_count() as u64;
        let without = self.model.parameter_count_without_embeddings() as u64;
        metrics
            .count("parameters", parameters)
            .count("parameters_without_embeddings", without)
            .count("bytes", 4 * parameters)
    }
}

/// Median microseconds from string to label, one thread, batch 1.
///
/// # Errors
/// If the device failed, or no thread can be started.
pub fn time_per_text(encoder: &Encoder, model: &dyn Classifier, texts: &[String]) -> Result<f64> {
    time_of(texts, |text| {
        let encoded = encoder.encode(text);
        let logits = model.predict(&[&encoded])?;
        std::hint::black_box(argmax(&logits[0]));
        Ok(())
    })
}

/// Median microseconds that an answer takes, one thread.
///
/// # Errors
/// Those of the answers, and if no thread can be started.
pub(crate) fn time_of(
    texts: &[String],
    answer: impl Fn(&str) -> limbeck_engine::Result<()> + Sync,
) -> Result<f64> {
    const TEXTS: usize = 200;
    time_of_each(texts, TEXTS, |text| answer(text))
}

/// [`time_of`] for samples of any kind, of which at most so many are read.
pub(crate) fn time_of_each<T: Sync>(
    samples: &[T],
    most: usize,
    answer: impl Fn(&T) -> limbeck_engine::Result<()> + Sync,
) -> Result<f64> {
    let one = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .map_err(|error| limbeck_engine::Error::Device(error.to_string()))?;
    one.install(|| {
        let mut times = Vec::new();
        // Spread over the set, which may be sorted.
        let stride = (samples.len() / most).max(1);
        for sample in samples.iter().step_by(stride).take(most) {
            let start = Instant::now();
            answer(sample)?;
            times.push(start.elapsed().as_secs_f64() * 1e6);
        }
        times.sort_by(f64::total_cmp);
        Ok(times.get(times.len() / 2).copied().unwrap_or(f64::NAN))
    })
}
