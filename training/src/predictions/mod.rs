//! What every model said of every sample of dev or test: from it follow the intervals of the figures,
//! calibration, the hardest samples, and tests of two models on the same samples.

mod figures;
mod file;
mod pairs;

pub use figures::{Figure, Judgements};
pub use pairs::{JudgedRun, PairedRow, PairedTest, paired_rows, paired_test};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::files::hex;
use crate::metrics::SpanHits;
use crate::run_folder::Named;

/// Samples of each model whose texts are kept.
const HARDEST: usize = 20;
/// Characters of a text that are kept.
const CHARACTERS: usize = 400;

/// What the answers are, and so which figures follow from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerKind {
    /// A class for each sample.
    Classes,
    /// Spans of words, with their types.
    Spans,
    /// A tag for each word, without spans.
    Tags,
    /// Keywords.
    Keywords,
    /// A class for each pixel, one of them of interest.
    Pixels,
    /// A word for each recording of a string.
    Speech,
}

/// The answers of all models on one part of the data.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    /// `dev` or `test`.
    pub split: String,
    /// What the answers are.
    pub kind: AnswerKind,
    /// The names of the classes, in the order of their numbers.
    pub labels: Vec<String>,
    /// SHA-256 over the samples and their truth: of two runs on the same samples it is the same.
    pub checksum: String,
    /// The samples in their order.
    pub samples: Vec<Sample>,
    /// For each model an answer per sample.
    pub models: Named<Vec<Answer>>,
}

/// One sample, and what is true of it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Sample {
    /// Its class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truth: Option<u32>,
    /// The name of a picture or of a string of speech.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its text, cut after 400 characters; of the hardest alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The true answer in words, where it is no class; of the hardest alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gold: Option<String>,
}

/// What a model said of a sample.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Answer {
    /// The class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<u32>,
    /// The probability of the class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
    /// Mean negative logarithm of the probability of the truth; none if it is not finite.
    pub loss: Option<f32>,
    /// What was to be found, by type: spans; keywords and the pixels of interest have one type.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hits: BTreeMap<String, SpanHits>,
    /// Units of the sample (words, pixels, recordings) and how many are right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<Units>,
    /// The answer in words, where it is no class; of the hardest alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
}

/// The units of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Units {
    /// Those that are right.
    pub right: u64,
    /// All.
    pub all: u64,
    /// Errors of the best alignment, of speech.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub errors: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Answer {
    /// A class with its probability, and the loss.
    pub fn of_class(decided: u32, confidence: f64, loss: f64) -> Self {
        Self {
            decided: Some(decided),
            confidence: Some(confidence as f32),
            loss: finite(loss),
            ..Self::default()
        }
    }

    /// Parts of a sample with the mean loss of its units.
    pub fn of_parts(hits: BTreeMap<String, SpanHits>, units: Units, loss: f64) -> Self {
        Self {
            hits,
            units: Some(units),
            loss: finite(loss),
            ..Self::default()
        }
    }
}

fn finite(loss: f64) -> Option<f32> {
    Some(loss as f32).filter(|loss| loss.is_finite())
}

impl Predictions {
    /// No answers yet to these samples. `truths` is what is true of each, in any form in which equal truths
    /// are equal: it goes into the checksum alone, with the texts or names.
    ///
    /// ```
    /// use limbeck_training::predictions::{Answer, AnswerKind, Predictions, Sample};
    /// let labels = vec!["pigment".to_string(), "solvent".to_string()];
    /// let sample = Sample { truth: Some(0), text: Some("blue powder".into()), ..Sample::default() };
    /// let mut test = Predictions::new("test", AnswerKind::Classes, labels, vec![sample], &["pigment"]);
    /// test.models.set("student", vec![Answer::of_class(1, 0.75, 1.39)]);
    /// assert_eq!(test.judged().models.get("student").unwrap().figures()[0].value, 0.0);
    /// ```
    pub fn new<T: AsRef<str>>(
        split: &str,
        kind: AnswerKind,
        labels: Vec<String>,
        samples: Vec<Sample>,
        truths: &[T],
    ) -> Self {
        let mut hash = Sha256::new();
        let mut part = |part: &str| {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        };
        for (sample, truth) in samples.iter().zip(truths) {
            let text = sample.text.as_deref().or(sample.name.as_deref());
            part(text.unwrap_or_default());
            part(truth.as_ref());
        }
        Self {
            split: split.into(),
            kind,
            labels,
            checksum: hex(&hash.finalize()),
            samples,
            models: Named::default(),
        }
    }

    /// The numbers of the samples with the highest loss of a model, the highest first; of equals the first.
    /// Samples that it answered as well as can be are left out.
    pub fn hardest(&self, model: &str) -> Vec<usize> {
        let answers = self.models.get(model).map_or(&[][..], Vec::as_slice);
        // What has no finite loss is harder than anything.
        let loss = |row: usize| answers[row].loss.unwrap_or(f32::MAX);
        let mut rows: Vec<usize> = (0..answers.len()).filter(|&row| loss(row) > 0.0).collect();
        rows.sort_by(|&a, &b| loss(b).total_cmp(&loss(a)));
        rows.truncate(HARDEST);
        rows
    }

    /// Forgets texts and answers in words but those of the samples that are hardest for any model, and
    /// shortens these.
    pub fn keep_hardest_texts(&mut self) {
        let names: Vec<String> = self.models.iter().map(|(name, _)| name.into()).collect();
        let mut kept = vec![false; self.samples.len()];
        for row in names.iter().flat_map(|name| self.hardest(name)) {
            kept[row] = true;
        }
        for (sample, kept) in self.samples.iter_mut().zip(&kept) {
            shorten(&mut sample.text, *kept);
            shorten(&mut sample.gold, *kept);
        }
        for (answer, kept) in self
            .models
            .values_mut()
            .flat_map(|all| all.iter_mut().zip(&kept))
        {
            shorten(&mut answer.said, *kept);
        }
    }

    /// The name of a class.
    pub fn label(&self, class: u32) -> String {
        match self.labels.get(class as usize) {
            Some(label) => label.clone(),
            None => format!("class {class}"),
        }
    }

    /// What follows from the answers of every model.
    pub fn judged(&self) -> Judged<'_> {
        let models = self.models.iter();
        let models = models.map(|(name, answers)| (name, Judgements::new(self, answers)));
        Judged {
            predictions: self,
            models: models.collect(),
        }
    }
}

/// Predictions and what follows from them.
#[derive(Debug, Clone)]
pub struct Judged<'a> {
    /// The answers.
    pub predictions: &'a Predictions,
    /// What follows from those of each model.
    pub models: Named<Judgements>,
}

/// Cuts what is kept, and removes what is not.
fn shorten(text: &mut Option<String>, kept: bool) {
    let cut = |text: String| match text.char_indices().nth(CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    };
    *text = text.take().filter(|_| kept).map(cut);
}

#[cfg(test)]
mod tests;
