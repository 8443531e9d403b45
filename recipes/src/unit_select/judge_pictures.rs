//! Figures of pictures: pixel error, F1 of the foreground, Rand score of the objects.

use std::collections::BTreeMap;

use limbeck_losses::NO_TRUTH;
use limbeck_training::files::sha256_hex;
use limbeck_training::metrics::{PixelScores, SpanHits, rand_scores};
use limbeck_training::predictions::{Answer, AnswerKind, Predictions, Sample, Units};
use limbeck_training::run_folder::Metrics;
use limbeck_training::stage::DevScore;

use super::data::{UnitData, UnitTask};
use super::samples::{UnitSamples, known};
use crate::error::Result;
use crate::text::{TextClassifier, argmax, softmax, time_of_each};
use limbeck_models::Encoded;

/// Pictures that models are judged on.
pub struct PictureJudge<'a> {
    samples: UnitSamples,
    names: Vec<String>,
    data: &'a UnitData,
}

/// What a model says of all pictures.
struct Outcome {
    /// The class of every pixel.
    decided: Vec<Vec<u32>>,
    /// Mean negative logarithm of the probability of the truth.
    loss: f64,
    /// The mean over the pixels of each.
    losses: Vec<f64>,
}

impl<'a> PictureJudge<'a> {
    pub(super) fn new(samples: UnitSamples, names: Vec<String>, data: &'a UnitData) -> Self {
        PictureJudge {
            samples,
            names,
            data,
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
        let scores = self.pixels(&outcome.decided, None)?;
        let foreground = scores.class_scores().f1;
        Ok(Some(DevScore {
            metric: foreground,
            loss: outcome.loss,
            figures: vec![
                ("foreground_f1", foreground),
                ("pixel_error", scores.pixel_error()),
                ("cross_entropy", outcome.loss),
            ],
        }))
    }

    fn outcome(&self, classifier: &TextClassifier) -> limbeck_engine::Result<Outcome> {
        let classes = classifier.labels().len();
        let said = self.samples.scores(classifier.model())?;
        let (mut decided, mut sum, mut count) = (Vec::new(), 0.0, 0);
        let mut losses = Vec::with_capacity(said.len());
        for (scores, labels) in said.iter().zip(&self.samples.labels) {
            let rows = || scores.chunks(classes);
            decided.push(rows().map(|row| argmax(row) as u32).collect());
            let mut own = 0.0;
            for (row, &label) in rows().zip(labels).filter(|(_, label)| **label != NO_TRUTH) {
                let loss = softmax(row)[label as usize].max(1e-300).ln();
                own -= loss;
                sum -= loss;
            }
            losses.push(own / known(labels).max(1) as f64);
            count += known(labels);
        }
        Ok(Outcome {
            decided,
            loss: sum / count.max(1) as f64,
            losses,
        })
    }

    /// The class of interest.
    fn foreground(&self) -> u32 {
        match self.data.task {
            UnitTask::Pixels { foreground, .. } => foreground,
            _ => 0,
        }
    }

    /// Over one picture, or over all.
    fn pixels(
        &self,
        decided: &[Vec<u32>],
        only: Option<usize>,
    ) -> limbeck_training::Result<PixelScores> {
        let mut scores = PixelScores::new(self.foreground());
        for (row, (decided, truth)) in decided.iter().zip(&self.samples.labels).enumerate() {
            if only.is_none_or(|only| only == row) {
                scores.add(truth, decided)?;
            }
        }
        Ok(scores)
    }

    /// The mean Rand score of the objects of a picture, over those that have any.
    fn rand(&self, decided: &[Vec<u32>]) -> limbeck_training::Result<Option<f64>> {
        let UnitTask::Pixels {
            objects: Some(class),
            ..
        } = &self.data.task
        else {
            return Ok(None);
        };
        let (mut sum, mut pictures) = (0.0, 0);
        let samples = self.samples.inputs.iter().zip(&self.samples.labels);
        for ((input, truth), decided) in samples.zip(decided) {
            let Encoded::Picture(picture) = input else {
                continue;
            };
            let (height, width) = (picture.height, picture.width);
            if let Some(scores) = rand_scores(truth, decided, height, width, *class)? {
                sum += scores.f;
                pictures += 1;
            }
        }
        Ok((pictures > 0).then(|| sum / f64::from(pictures)))
    }

    /// The pictures, without an answer yet.
    pub(super) fn samples(&self, split: &str) -> Predictions {
        let labels = self.samples.labels.iter();
        let bytes = labels.map(|labels| labels.iter().flat_map(|l| l.to_le_bytes()).collect());
        let truths: Vec<String> = bytes.map(|bytes: Vec<u8>| sha256_hex(&bytes)).collect();
        let named = |name: &String| Sample {
            name: Some(name.clone()),
            ..Sample::default()
        };
        let samples = self.names.iter().map(named).collect();
        let classes = self.data.classes.clone();
        Predictions::new(split, AnswerKind::Pixels, classes, samples, &truths)
    }

    fn answers(&self, outcome: &Outcome) -> limbeck_training::Result<Vec<Answer>> {
        let class = &self.data.classes[self.foreground() as usize];
        let losses = outcome.losses.iter().enumerate();
        let answers = losses.map(|(number, &loss)| {
            let scores = self.pixels(&outcome.decided, Some(number))?;
            let hits = SpanHits {
                correct: scores.hits,
                gold: scores.truth,
                predicted: scores.predicted,
            };
            let units = Units {
                right: scores.counted - scores.wrong,
                all: scores.counted,
                errors: 0,
            };
            let hits = BTreeMap::from([(class.clone(), hits)]);
            Ok(Answer::of_parts(hits, units, loss))
        });
        answers.collect()
    }

    pub(super) fn row(
        &self,
        classifier: &TextClassifier,
        timed: bool,
    ) -> Result<(Metrics, Vec<Answer>)> {
        let outcome = self.outcome(classifier)?;
        let scores = self.pixels(&outcome.decided, None)?;
        let foreground = scores.class_scores();
        let mut row = Metrics::new()
            .rate("foreground_f1", foreground.f1)
            .rate("foreground_precision", foreground.precision)
            .rate("foreground_recall", foreground.recall)
            .rate("pixel_error", scores.pixel_error());
        if let Some(rand) = self.rand(&outcome.decided)? {
            row = row.rate("rand_f", rand);
        }
        row = row.rate("cross_entropy", outcome.loss);
        // For comparisons picture by picture.
        for (number, name) in self.names.iter().enumerate() {
            let scores = self.pixels(&outcome.decided, Some(number))?;
            row = row
                .rate(&format!("foreground_f1_{name}"), scores.class_scores().f1)
                .rate(&format!("pixel_error_{name}"), scores.pixel_error());
        }
        if timed {
            let micros = time_of_each(&self.samples.inputs, 5, |input| {
                std::hint::black_box(classifier.model().predict(&[input])?);
                Ok(())
            })?;
            row = row.rate("us_per_picture", micros);
        }
        Ok((row, self.answers(&outcome)?))
    }
}
