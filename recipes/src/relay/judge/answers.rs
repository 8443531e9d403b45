//! What a model said of every sample, for reports.

use std::collections::BTreeMap;

use limbeck_data::words::words_of;
use limbeck_training::metrics::{KeywordScores, SpanCounts, SpanHits};
use limbeck_training::predictions::{Answer, AnswerKind, Predictions, Sample, Units};

use super::{Judge, Outcome};
use crate::relay::score::Prediction;
use crate::text::{Form, LabelSpace, ranked_phrases, softmax};

impl Judge<'_> {
    /// The samples, without an answer yet.
    pub(crate) fn samples(&self, split: &str) -> Predictions {
        let (space, samples) = (self.space, &self.part.samples);
        let kind = match space.form {
            Form::Classify => AnswerKind::Classes,
            Form::Keywords(_) | Form::Copied => AnswerKind::Keywords,
            Form::Tag(_) if space.scheme().is_some() => AnswerKind::Spans,
            Form::Tag(_) => AnswerKind::Tags,
        };
        let truths: Vec<String> = (0..samples.len()).map(|row| self.truth(row)).collect();
        let sample = |row: usize| Sample {
            truth: (kind == AnswerKind::Classes).then(|| samples.labels[row][0]),
            text: Some(samples.texts[row].clone()),
            gold: (kind != AnswerKind::Classes).then(|| match kind {
                AnswerKind::Spans => in_words(space, &samples.texts[row], &samples.labels[row]),
                _ => truths[row].clone(),
            }),
            ..Sample::default()
        };
        let all = (0..samples.len()).map(sample).collect();
        Predictions::new(split, kind, space.names.clone(), all, &truths)
    }

    /// Labels or keywords of a sample in words.
    fn truth(&self, row: usize) -> String {
        match self.space.finds_keywords() {
            true => self.part.documents[row].keywords.join("; "),
            false => self.space.tags(&self.part.samples.labels[row]).join(" "),
        }
    }

    /// The answer of a model to every sample.
    pub(super) fn answers(&self, outcome: &Outcome) -> limbeck_training::Result<Vec<Answer>> {
        let said = outcome.said.iter().zip(&outcome.losses).enumerate();
        said.map(|(row, (said, &loss))| self.answer(row, said, loss))
            .collect()
    }

    fn answer(&self, row: usize, said: &Prediction, loss: f64) -> limbeck_training::Result<Answer> {
        let (space, samples) = (self.space, &self.part.samples);
        let (text, truth) = (&samples.texts[row], &samples.labels[row]);
        let (hits, described) = match space.form {
            Form::Classify => {
                let decided = said.labels[0];
                let confidence = softmax(&said.scores)[decided as usize];
                return Ok(Answer::of_class(decided, confidence, loss));
            }
            Form::Keywords(_) | Form::Copied => {
                let document = &self.part.documents[row];
                let found = ranked_phrases(space, document, &said.scores, &said.labels);
                let mut counts = KeywordScores::default();
                counts.add(&found, &document.keywords);
                let hits = BTreeMap::from([("keyword".to_string(), counts.hits())]);
                (hits, found.join("; "))
            }
            Form::Tag(_) => match space.scheme() {
                Some(scheme) => {
                    let mut counts = SpanCounts::default();
                    let (truth, decided) = (space.tags(truth), space.tags(&said.labels));
                    counts.add_sentence(&truth, &decided, scheme)?;
                    let types = counts
                        .per_type()
                        .map(|(kind, hits)| (kind.to_string(), hits));
                    (types.collect(), in_words(space, text, &said.labels))
                }
                None => (
                    by_tag(space, truth, &said.labels),
                    space.tags(&said.labels).join(" "),
                ),
            },
        };
        let right = truth
            .iter()
            .zip(&said.labels)
            .filter(|(t, d)| t == d)
            .count();
        let units = Units {
            right: right as u64,
            all: truth.len() as u64,
            errors: 0,
        };
        Ok(Answer {
            said: Some(described),
            ..Answer::of_parts(hits, units, loss)
        })
    }
}

/// How often every tag was right, of words that are no spans.
fn by_tag(space: &LabelSpace, truth: &[u32], decided: &[u32]) -> BTreeMap<String, SpanHits> {
    let mut hits: BTreeMap<String, SpanHits> = BTreeMap::new();
    let mut add = |tag: u32, correct, gold, predicted| {
        let name = space.names[tag as usize].clone();
        hits.entry(name).or_default().add(SpanHits {
            correct,
            gold,
            predicted,
        });
    };
    for (&truth, &decided) in truth.iter().zip(decided) {
        add(truth, u64::from(truth == decided), 1, 0);
        add(decided, 0, 0, 1);
    }
    hits
}

/// The spans that labels mark, with their types.
fn in_words(space: &LabelSpace, text: &str, labels: &[u32]) -> String {
    let words: Vec<&str> = words_of(text).collect();
    let spans = space.spans(labels);
    let span = spans.iter().map(|span| {
        let words = words.get(span.start..span.end).unwrap_or(&[]).join(" ");
        match span.kind.is_empty() {
            true => words,
            false => format!("{}: {words}", span.kind),
        }
    });
    span.collect::<Vec<_>>().join("; ")
}
