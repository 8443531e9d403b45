//! How good a model is: on dev for choices, on test for the record.

mod answers;

use std::path::Path;

use limbeck_data::keywords::phrases_at;
use limbeck_data::tagging::TagReadOptions;
use limbeck_engine::Device;
use limbeck_training::metrics::{ConfusionMatrix, KeywordScores, PresentKeyphrases, SpanCounts};
use limbeck_training::predictions::Answer;
use limbeck_training::run_folder::Metrics;
use limbeck_training::stage::DevScore;

use super::data::{Part, RelayData};
use super::samples::{Encodings, predictions};
use super::score::Prediction;
use crate::config::Model;
use crate::error::Result;
use crate::measured::Measured;
use crate::text::{Encoder, TextClassifier, ranked_phrases, softmax, time_of, transition_scores};
use crate::text::{Form, LabelSpace};

/// Samples that models are judged on, as one of them reads these.
pub struct Judge<'a> {
    space: &'a LabelSpace,
    part: &'a Part,
    encodings: Encodings,
}

/// What a model says of all samples, and how far it is from their labels.
struct Outcome {
    said: Vec<Prediction>,
    /// Mean negative logarithm of the probability that the scores of each label by itself give it:
    /// what ties on dev are broken by. It is not the loss of a model with a CRF or with CTC.
    loss: f64,
    /// The mean over the labels of each sample.
    losses: Vec<f64>,
}

/// How a model did.
struct Judged {
    row: Metrics,
    confusion: ConfusionMatrix,
    answers: Vec<Answer>,
}

impl<'a> Judge<'a> {
    /// A judge for models with this encoder.
    pub fn new(encoder: &Encoder, space: &'a LabelSpace, part: &'a Part) -> Self {
        Judge {
            space,
            part,
            encodings: Encodings::new(encoder, &part.samples, space),
        }
    }

    /// What a stage chooses its best weights by; none without samples.
    ///
    /// # Errors
    /// If the device failed.
    pub fn dev_score(
        &self,
        classifier: &TextClassifier,
    ) -> limbeck_training::Result<Option<DevScore>> {
        if self.encodings.is_empty() {
            return Ok(None);
        }
        let outcome = self.outcome(classifier)?;
        let mut figures = self.figures(&outcome.said, &self.everything())?;
        let metric = figures.first().map_or(0.0, |(_, value)| *value);
        figures.push(("cross_entropy", outcome.loss));
        Ok(Some(DevScore {
            metric,
            loss: outcome.loss,
            figures,
        }))
    }

    fn everything(&self) -> Vec<usize> {
        (0..self.part.samples.len()).collect()
    }

    fn outcome(&self, classifier: &TextClassifier) -> limbeck_engine::Result<Outcome> {
        let mut said = predictions(classifier.model(), &self.encodings.texts, self.space)?;
        let (mut sum, mut count) = (0.0, 0usize);
        let mut losses = Vec::with_capacity(said.len());
        for (said, labels) in said.iter().zip(&self.encodings.labels) {
            let rows = said.scores.chunks(self.space.names.len()).zip(labels);
            let (mut own, before) = (0.0, count);
            for (row, &label) in rows {
                let loss = softmax(row)[label as usize].max(1e-300).ln();
                own -= loss;
                sum -= loss;
                count += 1;
            }
            losses.push(own / (count - before).max(1) as f64);
        }
        // What the model did not read has no tag; where there is no such tag, it is wrong.
        let (outside, classes) = (self.space.number("O"), self.space.names.len() as u32);
        for (said, labels) in said.iter_mut().zip(&self.part.samples.labels) {
            let beyond = labels.iter().skip(said.labels.len());
            let missing = beyond.map(|label| match self.space.has_spans() {
                true => outside,
                false => (label + 1) % classes,
            });
            let missing: Vec<u32> = missing.collect();
            said.labels.extend(missing);
        }
        Ok(Outcome {
            said,
            loss: sum / count.max(1) as f64,
            losses,
        })
    }

    /// The figures over these samples; the first is the one that counts.
    fn figures(
        &self,
        said: &[Prediction],
        rows: &[usize],
    ) -> limbeck_training::Result<Vec<(&'static str, f64)>> {
        Ok(match self.space.form {
            Form::Classify => {
                let confusion = self.confusion(said, rows)?;
                vec![
                    ("accuracy", confusion.accuracy()),
                    ("macro_f1", confusion.macro_f1()),
                ]
            }
            Form::Keywords(_) | Form::Copied => self.keyword_figures(said, rows),
            Form::Tag(_) if self.space.scheme().is_some() => {
                let counts = self.spans(said, rows)?;
                let total = counts.total();
                vec![
                    ("span_f1", total.f1),
                    ("span_precision", total.precision),
                    ("span_recall", total.recall),
                    ("span_macro_f1", counts.macro_f1()),
                    ("token_accuracy", counts.token_accuracy().unwrap_or(0.0)),
                ]
            }
            Form::Tag(_) => {
                let confusion = self.confusion(said, rows)?;
                vec![
                    ("token_accuracy", confusion.accuracy()),
                    ("macro_f1", confusion.macro_f1()),
                ]
            }
        })
    }

    /// Truth against decision, of texts or of words.
    fn confusion(
        &self,
        said: &[Prediction],
        rows: &[usize],
    ) -> limbeck_training::Result<ConfusionMatrix> {
        let mut matrix = ConfusionMatrix::new(self.space.names.len());
        for &row in rows {
            let labels = &self.part.samples.labels[row];
            for (&truth, &decided) in labels.iter().zip(&said[row].labels) {
                matrix.add(truth, decided)?;
            }
        }
        Ok(matrix)
    }

    fn spans(&self, said: &[Prediction], rows: &[usize]) -> limbeck_training::Result<SpanCounts> {
        let mut counts = SpanCounts::default();
        let Some(scheme) = self.space.scheme() else {
            return Ok(counts);
        };
        for &row in rows {
            let truth = self.space.tags(&self.part.samples.labels[row]);
            let decided = self.space.tags(&said[row].labels);
            counts.add_sentence(&truth, &decided, scheme)?;
        }
        Ok(counts)
    }

    fn keyword_figures(&self, said: &[Prediction], rows: &[usize]) -> Vec<(&'static str, f64)> {
        let (mut exact, mut present) = (KeywordScores::default(), PresentKeyphrases::default());
        let mut within = KeywordScores::default();
        for &row in rows {
            let document = &self.part.documents[row];
            let found = ranked_phrases(self.space, document, &said[row].scores, &said[row].labels);
            exact.add(&found, &document.keywords);
            present.add(&document.text, &found, &document.keywords);
            // As good as extraction can be: all that stands in the text.
            let marked = self.space.spans(&self.part.samples.labels[row]);
            within.add(&phrases_at(document, &marked), &document.keywords);
        }
        let total = exact.total();
        let mut figures = vec![
            ("keyword_f1", total.f1),
            ("keyword_precision", total.precision),
            ("keyword_recall", total.recall),
            ("keyword_recall_ceiling", within.total().recall),
        ];
        if let Some(scores) = present.scores() {
            figures.extend([
                ("present_f1_at_5", scores.at_5.f1),
                ("present_f1_at_10", scores.at_10.f1),
                ("present_f1", scores.at_all.f1),
            ]);
        }
        figures
    }

    /// The row of a results table, with size and speed if `timed`, and the answers.
    pub(crate) fn measured_row(
        &self,
        classifier: &TextClassifier,
        timed: bool,
    ) -> Result<(Metrics, Vec<Answer>)> {
        let judged = self.judged(classifier)?;
        let row = match timed {
            true => with_cost(classifier, judged.row, self.part, self.space)?,
            false => judged.row,
        };
        Ok((row, judged.answers))
    }

    /// What a results table and a report need, without size and speed.
    fn judged(&self, classifier: &TextClassifier) -> Result<Judged> {
        let outcome = self.outcome(classifier)?;
        let all = self.everything();
        let mut row = Metrics::new();
        for (name, value) in self.figures(&outcome.said, &all)? {
            row = row.rate(name, value);
        }
        for (kind, hits) in self.spans(&outcome.said, &all)?.per_type() {
            if !kind.is_empty() && matches!(self.space.form, Form::Tag(_)) {
                row = row.rate(&format!("span_f1_{kind}"), hits.scores().f1);
            }
        }
        let unseen = self.part.unseen.iter().enumerate();
        let unseen: Vec<usize> = unseen.filter(|(_, u)| **u).map(|(row, _)| row).collect();
        if !unseen.is_empty() {
            for (name, value) in self.figures(&outcome.said, &unseen)?.into_iter().take(2) {
                row = row.rate(&format!("{name}_unseen"), value);
            }
        }
        let row = row.rate("cross_entropy", outcome.loss);
        Ok(Judged {
            row,
            confusion: self.confusion(&outcome.said, &all)?,
            answers: self.answers(&outcome)?,
        })
    }
}

/// One row of figures per model on dev, and on test if it was read. Size and speed stand with those on
/// test, or with those on dev where it was not.
///
/// # Errors
/// If the device failed.
pub(super) fn measured(models: &[(&str, &TextClassifier)], data: &RelayData) -> Result<Measured> {
    let mut measured = Measured::default();
    measured.evaluation.labels = data.space.names.clone();
    for (name, classifier) in models {
        let judge = |part| Judge::new(classifier.encoder(), &data.space, part);
        let of_dev = judge(&data.dev);
        let judged = of_dev.judged(classifier)?;
        let mut dev = judged.row;
        measured.keep(name, judged.answers, "dev", |split| of_dev.samples(split));
        match &data.test {
            None => dev = with_cost(classifier, dev, &data.dev, &data.space)?,
            Some(test) => {
                let of_test = judge(test);
                let judged = of_test.judged(classifier)?;
                let row = with_cost(classifier, judged.row, test, &data.space)?;
                measured.test.get_or_insert_default().set(*name, row);
                measured.evaluation.confusion.set(*name, judged.confusion);
                measured.keep(name, judged.answers, "test", |split| of_test.samples(split));
            }
        }
        measured.dev.set(*name, dev);
    }
    Ok(measured)
}

fn with_cost(
    classifier: &TextClassifier,
    row: Metrics,
    part: &Part,
    space: &LabelSpace,
) -> Result<Metrics> {
    let learned = transition_scores(classifier.model())?;
    let micros = time_of(&part.samples.texts, |text| {
        let encoded = classifier.encoder().encode(text);
        let scores = classifier.model().predict(&[&encoded])?;
        std::hint::black_box(space.decide(&scores[0], learned.as_deref())?);
        Ok(())
    })?;
    Ok(classifier.with_size(row).rate("us_per_text", micros))
}

/// Judges the models of a finished run, which are in folders of these names.
///
/// # Errors
/// If a model is missing or damaged, or the device failed.
pub fn measure_finished(
    folder: &Path,
    names: &[&str],
    data: &RelayData,
    device: &Device,
) -> Result<Measured> {
    let load = |name: &&str| TextClassifier::load(&folder.join(name), device);
    let models: Vec<TextClassifier> = names.iter().map(load).collect::<Result<_>>()?;
    let models: Vec<(&str, &TextClassifier)> = names.iter().copied().zip(&models).collect();
    measured(&models, data)
}

/// Quality, size and speed of a finished tagger on a file.
///
/// # Errors
/// Whatever the file can be wrong about; a tag that the model does not know; if the device failed.
pub fn evaluate_tagger(classifier: &TextClassifier, path: &Path) -> Result<Metrics> {
    let space = classifier.space();
    let read = match classifier.config() {
        Model::Tagger(config) => config.read.clone(),
        _ => TagReadOptions::default(),
    };
    let part = Part::read(path, &space, &read)?;
    let judge = Judge::new(classifier.encoder(), &space, &part);
    Ok(judge.measured_row(classifier, true)?.0)
}
