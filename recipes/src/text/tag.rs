//! Sentences in, tags out; texts in, keywords out.

use limbeck_data::keywords::{KeywordDocument, phrases_at};
use limbeck_data::tagging::{Scheme, Span};
use limbeck_data::words::words_of;
use limbeck_models::{Classifier, Encoded};
use serde::Serialize;

use super::TextClassifier;
use super::predict::{logits_of, softmax};
use super::space::{Form, LabelSpace};
use crate::config::Model;
use crate::error::Result;

/// What a tagger finds in one text.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Tagged {
    /// The words.
    pub tokens: Vec<String>,
    /// A tag for each.
    pub tags: Vec<String>,
    /// What the tags mark.
    pub spans: Vec<TaggedSpan>,
    /// With keywords: the phrases, the surest first.
    pub keywords: Vec<String>,
}

/// Words that belong together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TaggedSpan {
    /// The first word, from 0.
    pub start: usize,
    /// The word behind the last.
    pub end: usize,
    /// The type.
    pub kind: String,
    /// The words, joined by spaces.
    pub text: String,
}

impl TextClassifier {
    /// What the labels of its answers mean.
    pub fn space(&self) -> LabelSpace {
        let form = match self.config() {
            Model::Tagger(config) if config.keywords => match config.scheme {
                Scheme::None => Form::Copied,
                scheme => Form::Keywords(scheme),
            },
            Model::Tagger(config) => Form::Tag(config.scheme),
            _ => Form::Classify,
        };
        LabelSpace::new(self.labels().to_vec(), form)
    }

    /// Whether it labels words, and [`TextClassifier::tag`] asks it.
    pub fn is_tagger(&self) -> bool {
        matches!(self.config(), Model::Tagger(_))
    }

    /// The tags of the words of texts. A sentence has a space between its words; of a text with
    /// keywords words are found as the training data's were. Words beyond the longest sentence that the
    /// model reads have the tag `O`, and of plain tags none.
    ///
    /// # Errors
    /// If it labels whole texts, or the device failed.
    pub fn tag<T: AsRef<str> + Sync>(&self, texts: &[T]) -> Result<Vec<Tagged>> {
        let space = self.space();
        if !space.per_position() {
            let message = "this model labels texts and not their words: ask it to predict";
            return Err(limbeck_engine::Error::Mismatch(message.into()).into());
        }
        let read: Vec<Read> = texts
            .iter()
            .map(|t| Read::new(t.as_ref(), &space))
            .collect();
        let sentences: Vec<String> = read.iter().map(|read| read.tokens.join(" ")).collect();
        let encoded = self.encoder().encode_all(&sentences);
        let scores = logits_of(self.model(), &encoded.iter().collect::<Vec<&Encoded>>())?;
        let learned = transition_scores(self.model())?;
        let found = read.into_iter().zip(scores).map(|(read, scores)| {
            let mut labels = space.decide(&scores, learned.as_deref())?;
            if space.has_spans() {
                labels.resize(read.tokens.len(), space.number("O"));
            }
            Ok(read.tagged(&space, &scores, &labels))
        });
        found.collect()
    }
}

/// A text by its words.
struct Read {
    tokens: Vec<String>,
    /// Where the words stand in the text, if it is one with keywords.
    document: Option<KeywordDocument>,
}

impl Read {
    fn new(text: &str, space: &LabelSpace) -> Self {
        match space.finds_keywords() {
            true => {
                let document = KeywordDocument::new("", text, Vec::new());
                Read {
                    tokens: document.tokens.iter().map(|t| t.text.clone()).collect(),
                    document: Some(document),
                }
            }
            false => Read {
                tokens: words_of(text).map(String::from).collect(),
                document: None,
            },
        }
    }

    fn tagged(self, space: &LabelSpace, scores: &[f32], labels: &[u32]) -> Tagged {
        let named = |span: Span| TaggedSpan {
            text: self.tokens[span.start..span.end].join(" "),
            start: span.start,
            end: span.end,
            kind: span.kind,
        };
        let spans = space.spans(labels).into_iter().map(named).collect();
        let document = self.document.as_ref();
        let phrases = document.map(|d| ranked_phrases(space, d, scores, labels));
        Tagged {
            tags: space.tags(labels).into_iter().map(String::from).collect(),
            spans,
            keywords: phrases.unwrap_or_default(),
            tokens: self.tokens,
        }
    }
}

/// The phrases that tags mark in a document, the surest first: those of the spans whose tags have the
/// largest mean probability.
pub(crate) fn ranked_phrases(
    space: &LabelSpace,
    document: &KeywordDocument,
    scores: &[f32],
    labels: &[u32],
) -> Vec<String> {
    let certainty = |span: &Span| -> f64 {
        let rows = scores.chunks(space.names.len()).skip(span.start);
        let rows = rows.zip(&labels[span.start..span.end]);
        let sum: f64 = rows.map(|(row, &tag)| softmax(row)[tag as usize]).sum();
        sum / (span.end - span.start).max(1) as f64
    };
    let spans = space.spans(labels).into_iter();
    let mut spans: Vec<(f64, Span)> = spans.map(|span| (certainty(&span), span)).collect();
    spans.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let mut phrases: Vec<String> = Vec::new();
    for (_, span) in spans {
        for phrase in phrases_at(document, &[span]) {
            if !phrases.contains(&phrase) {
                phrases.push(phrase);
            }
        }
    }
    phrases
}

/// The learned scores of one label after another, of a model that has any.
///
/// # Errors
/// If the device failed.
pub(crate) fn transition_scores(
    model: &dyn Classifier,
) -> limbeck_engine::Result<Option<Vec<f32>>> {
    let Some(id) = model.transitions() else {
        return Ok(None);
    };
    let scores = model.parameters().value(id);
    if model.device().is_shapes() {
        return Ok(Some(vec![0.0; scores.shape().elements()]));
    }
    scores.read().map(Some)
}
