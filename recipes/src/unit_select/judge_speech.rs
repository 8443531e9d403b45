//! Figures of speech: word error rate of whole strings, and the share of recordings that are read right.

use std::collections::BTreeMap;

use limbeck_engine::Tape;
use limbeck_kernels::{CTC_BEAM_WIDTH, ctc_beam_search};
use limbeck_losses::Difference;
use limbeck_models::Encoded;
use limbeck_training::metrics::WordErrors;
use limbeck_training::predictions::{Answer, AnswerKind, Predictions, Sample, Units};
use limbeck_training::run_folder::Metrics;
use limbeck_training::stage::DevScore;

use super::data::{UnitData, UnitTask};
use super::samples::{UnitForm, UnitSamples, rows_of, units_of};
use super::speech::SpeechClip;
use crate::error::Result;
use crate::text::{TextClassifier, argmax, time_of_each};

/// Strings of speech that models are judged on.
pub struct SpeechJudge<'a> {
    samples: UnitSamples,
    clips: &'a [SpeechClip],
    ctc: bool,
    classes: &'a [String],
}

/// What a model reads.
struct Outcome {
    errors: WordErrors,
    /// Recordings, by themselves, that it reads right.
    right: usize,
    recordings: usize,
    /// The mean loss of a recording.
    loss: f64,
    /// Each string by itself.
    answers: Vec<Answer>,
}

impl Outcome {
    fn segment_accuracy(&self) -> f64 {
        self.right as f64 / self.recordings.max(1) as f64
    }
}

impl<'a> SpeechJudge<'a> {
    pub(super) fn new(samples: UnitSamples, clips: &'a [SpeechClip], data: &'a UnitData) -> Self {
        SpeechJudge {
            samples,
            clips,
            ctc: data.task == UnitTask::Speech { ctc: true },
            classes: &data.classes,
        }
    }

    pub(super) fn dev_score(
        &self,
        classifier: &TextClassifier,
    ) -> limbeck_training::Result<Option<DevScore>> {
        if self.samples.is_empty() {
            return Ok(None);
        }
        let outcome = self.outcome(classifier)?;
        let rate = outcome.errors.rate();
        Ok(Some(DevScore {
            metric: -rate,
            loss: outcome.loss,
            figures: vec![
                ("word_error_rate", rate),
                ("segment_accuracy", outcome.segment_accuracy()),
                ("cross_entropy", outcome.loss),
            ],
        }))
    }

    fn outcome(&self, classifier: &TextClassifier) -> limbeck_training::Result<Outcome> {
        let classes = classifier.labels().len();
        let said = self.samples.scores(classifier.model())?;
        let mut outcome = Outcome {
            errors: WordErrors::default(),
            right: 0,
            recordings: 0,
            loss: 0.0,
            answers: Vec::with_capacity(said.len()),
        };
        let samples = self.samples.inputs.iter().zip(&self.samples.labels);
        for ((scores, (input, labels)), clip) in said.iter().zip(samples).zip(self.clips) {
            let loss = self.loss(classifier, input, labels, scores)?;
            outcome.loss += loss;
            let segments = self.segments(scores, clip, classes)?;
            let whole = match self.ctc {
                true => ctc_beam_search(scores, classes, CTC_BEAM_WIDTH)?,
                false => segments.concat(),
            };
            let mut errors = WordErrors::default();
            errors.add(labels, &whole)?;
            outcome.errors.merge(&errors);
            let pairs = segments.iter().zip(labels);
            let right = pairs.filter(|(read, label)| read[..] == [**label]).count();
            outcome.right += right;
            outcome.recordings += labels.len();
            let units = Units {
                right: right as u64,
                all: labels.len() as u64,
                errors: errors.errors(),
            };
            let mean = loss / labels.len().max(1) as f64;
            outcome.answers.push(Answer {
                said: Some(self.words(&whole)),
                ..Answer::of_parts(BTreeMap::new(), units, mean)
            });
        }
        outcome.loss /= outcome.recordings.max(1) as f64;
        Ok(outcome)
    }

    /// The sum of the losses of the recordings of a string.
    fn loss(
        &self,
        classifier: &TextClassifier,
        input: &Encoded,
        labels: &[u32],
        scores: &[f32],
    ) -> limbeck_engine::Result<f64> {
        let tape = Tape::inference(classifier.model().device());
        let batch = classifier.model().batch(&[input], 0)?;
        let form = match self.ctc {
            true => UnitForm::Segments,
            false => UnitForm::Rows,
        };
        let units = units_of(&tape, form, labels, &batch)?;
        let scores = tape.constant(rows_of(tape.device(), scores, classifier.labels().len())?);
        let losses = units.differences(&tape, &scores, Difference::CrossEntropy)?;
        match tape.device().is_shapes() {
            true => Ok(0.0),
            false => Ok(losses.tensor().read()?.into_iter().map(f64::from).sum()),
        }
    }

    /// What is read in each recording of a string by itself.
    fn segments(
        &self,
        scores: &[f32],
        clip: &SpeechClip,
        classes: usize,
    ) -> limbeck_engine::Result<Vec<Vec<u32>>> {
        if !self.ctc {
            let decided = scores.chunks(classes).map(|row| vec![argmax(row) as u32]);
            return Ok(decided.collect());
        }
        let mut rest = scores;
        let mut read = Vec::with_capacity(clip.segments.len());
        for &frames in &clip.segments {
            let (own, others) = rest.split_at(frames as usize * classes);
            read.push(ctc_beam_search(own, classes, CTC_BEAM_WIDTH)?);
            rest = others;
        }
        Ok(read)
    }

    fn words(&self, labels: &[u32]) -> String {
        let words = labels.iter().map(|&label| &*self.classes[label as usize]);
        words.collect::<Vec<_>>().join(" ")
    }

    /// The strings, without an answer yet.
    pub(super) fn samples(&self, split: &str) -> Predictions {
        let truths = self.samples.labels.iter().map(|labels| self.words(labels));
        let truths: Vec<String> = truths.collect();
        let sample = |(clip, truth): (&SpeechClip, &String)| Sample {
            name: Some(clip.name.clone()),
            gold: Some(truth.clone()),
            ..Sample::default()
        };
        let samples = self.clips.iter().zip(&truths).map(sample).collect();
        let classes = self.classes.to_vec();
        Predictions::new(split, AnswerKind::Speech, classes, samples, &truths)
    }

    pub(super) fn row(
        &self,
        classifier: &TextClassifier,
        timed: bool,
    ) -> Result<(Metrics, Vec<Answer>)> {
        let outcome = self.outcome(classifier)?;
        let errors = &outcome.errors;
        let row = Metrics::new()
            .rate("word_error_rate", errors.rate())
            .rate("segment_accuracy", outcome.segment_accuracy())
            .count("substitutions", errors.substitutions)
            .count("deletions", errors.deletions)
            .count("insertions", errors.insertions)
            .count("words", errors.words)
            .count("strings", self.samples.len() as u64)
            .rate("cross_entropy", outcome.loss);
        if !timed {
            return Ok((row, outcome.answers));
        }
        let micros = time_of_each(&self.samples.inputs, 100, |input: &Encoded| {
            std::hint::black_box(classifier.model().predict(&[input])?);
            Ok(())
        })?;
        Ok((row.rate("us_per_string", micros), outcome.answers))
    }
}
