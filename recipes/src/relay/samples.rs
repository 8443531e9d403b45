//! Samples as models read them, and what models say of them.

use limbeck_data::read::LabelledSet;
use limbeck_engine::Result;
use limbeck_models::{Classifier, Encoded};

use super::score::Prediction;
use crate::text::LabelSpace;
use crate::text::{Encoder, logits_of, transition_scores};

/// Texts and their labels: one of a text, or one of every word.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    /// The texts; of tagged ones the words, joined by a space.
    pub texts: Vec<String>,
    /// The labels of each.
    pub labels: Vec<Vec<u32>>,
}

impl Samples {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// As splits look at them: texts and classes. Samples with several labels are all of one class.
    pub(crate) fn labelled(&self, space: &LabelSpace) -> LabelledSet {
        let classes = match space.per_position() {
            true => vec!["all".into()],
            false => space.names.clone(),
        };
        let class = |labels: &Vec<u32>| match space.per_position() {
            true => 0,
            false => labels[0],
        };
        LabelledSet {
            texts: self.texts.clone(),
            labels: self.labels.iter().map(class).collect(),
            classes,
        }
    }

    /// The samples with these numbers, in this order.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        Samples {
            texts: rows.iter().map(|&row| self.texts[row].clone()).collect(),
            labels: rows.iter().map(|&row| self.labels[row].clone()).collect(),
        }
    }
}

/// Samples as one model reads them.
#[derive(Clone, Debug, Default)]
pub struct Encodings {
    /// The texts.
    pub texts: Vec<Encoded>,
    /// The labels of what the model reads: of a sentence that it cuts, those of its beginning.
    pub labels: Vec<Vec<u32>>,
}

impl Encodings {
    /// Encodes samples.
    pub fn new(encoder: &Encoder, samples: &Samples, space: &LabelSpace) -> Self {
        let texts = encoder.encode_all(&samples.texts);
        let read = |text: &Encoded| if space.per_position() { text.len() } else { 1 };
        let labels = texts.iter().zip(&samples.labels);
        let labels = labels.map(|(text, labels)| labels[..labels.len().min(read(text))].to_vec());
        Encodings {
            labels: labels.collect(),
            texts,
        }
    }

    /// Those with these numbers, in this order.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        Encodings {
            texts: rows.iter().map(|&row| self.texts[row].clone()).collect(),
            labels: rows.iter().map(|&row| self.labels[row].clone()).collect(),
        }
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }
}

/// What a model says of texts.
///
/// # Errors
/// If the device failed.
pub fn predictions(
    model: &dyn Classifier,
    texts: &[Encoded],
    space: &LabelSpace,
) -> Result<Vec<Prediction>> {
    if texts.is_empty() {
        return Ok(Vec::new());
    }
    let learned = transition_scores(model)?;
    let scores = logits_of(model, &texts.iter().collect::<Vec<_>>())?;
    let predicted = scores.into_iter().map(|scores| {
        let labels = space.decide(&scores, learned.as_deref())?;
        Ok(Prediction { scores, labels })
    });
    predicted.collect()
}
