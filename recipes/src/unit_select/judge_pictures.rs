//! Figures of pictures: pixel error, F1 of the foreground, Rand score of the objects.

use limbeck_losses::NO_TRUTH;
use limbeck_training::metrics::{PixelScores, rand_scores};
use limbeck_training::run_folder::Metrics;
use limbeck_training::stage::DevScore;

use super::data::UnitTask;
use super::samples::{UnitSamples, known};
use crate::error::Result;
use crate::text::{TextClassifier, argmax, softmax, time_of_each};
use limbeck_models::Encoded;

/// Pictures that models are judged on.
pub struct PictureJudge<'a> {
    samples: UnitSamples,
    names: Vec<String>,
    task: &'a UnitTask,
}

/// What a model says of all pictures.
struct Outcome {
    /// The class of every pixel.
    decided: Vec<Vec<u32>>,
    /// Mean negative logarithm of the probability of the truth.
    loss: f64,
}

impl<'a> PictureJudge<'a> {
    pub(super) fn new(samples: UnitSamples, names: Vec<String>, task: &'a UnitTask) -> Self {
        PictureJudge {
            samples,
            names,
            task,
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
        for (scores, labels) in said.iter().zip(&self.samples.labels) {
            let rows = || scores.chunks(classes);
            decided.push(rows().map(|row| argmax(row) as u32).collect());
            for (row, &label) in rows().zip(labels).filter(|(_, label)| **label != NO_TRUTH) {
                sum -= softmax(row)[label as usize].max(1e-300).ln();
            }
            count += known(labels);
        }
        Ok(Outcome {
            decided,
            loss: sum / count.max(1) as f64,
        })
    }

    /// Over one picture, or over all.
    fn pixels(
        &self,
        decided: &[Vec<u32>],
        only: Option<usize>,
    ) -> limbeck_training::Result<PixelScores> {
        let foreground = match self.task {
            UnitTask::Pixels { foreground, .. } => *foreground,
            _ => 0,
        };
        let mut scores = PixelScores::new(foreground);
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
        } = self.task
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

    pub(super) fn row(&self, classifier: &TextClassifier, timed: bool) -> Result<Metrics> {
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
        Ok(row)
    }
}
