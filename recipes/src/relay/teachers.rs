//! The two teachers: steps S10 to S30.

use std::collections::HashSet;

use limbeck_data::rng::Rng;
use limbeck_data::split::{folds, groups};

use super::labels::Target;
use super::options::{BTarget, PredictMode, RelayOptions};
use super::run::{Job, Recipe};
use super::samples::{Encodings, predictions};
use super::score::{Partition, Prediction, score};
use crate::error::Result;
use crate::text::TextClassifier;

/// Teacher B, and what it says.
pub(super) struct Second {
    /// None if there was nothing to learn.
    pub(super) teacher: Option<TextClassifier>,
    /// What it says of the samples below the threshold, and how good that is.
    pub(super) said: Vec<Option<(Prediction, f64)>>,
}

impl Second {
    fn taught(self, teacher: TextClassifier) -> Self {
        Second {
            teacher: Some(teacher),
            ..self
        }
    }
}

impl Recipe<'_, '_> {
    /// S10 and S20: A, trained on everything, and what it (or, cross-fitted, another of its kind that
    /// has not seen them) says of all samples.
    pub(super) fn first_teacher(&mut self) -> Result<(TextClassifier, Vec<Prediction>)> {
        let model = self.architecture(&self.run.teacher_a);
        let encoder = self.encoder(&model)?;
        let texts = self.encoded(&encoder);
        let job = Job {
            name: "teacher_a",
            model: &model,
            encoder: &encoder,
            training: &self.run.training.teacher_a,
        };
        let targets = originals(&texts);
        let teacher = self.fit(&job, texts.clone(), targets.clone())?;
        let said = match self.run.distillation.predict_mode {
            PredictMode::InSample => predictions(teacher.model(), &texts.texts, &self.data.space)?,
            PredictMode::CrossFit => {
                let rows: Vec<usize> = (0..texts.len()).collect();
                match self.cross_fitted(&job, &targets, &rows, &[])? {
                    Some(said) => said,
                    None => predictions(teacher.model(), &texts.texts, &self.data.space)?,
                }
            }
        };
        Ok((teacher, said))
    }

    /// S20: which of A's labels are good enough.
    pub(super) fn partition(&self, said: &[Prediction]) -> Partition {
        let rows: Vec<usize> = (0..said.len()).collect();
        let threshold = self.run.distillation.threshold;
        let partition = Partition::new(self.scores(said, &rows), threshold);
        if !self.context.is_rehearsal() {
            tracing::info!(
                "{} of {} samples reach the threshold {threshold}; {} are below it",
                partition.target.len(),
                partition.scores.len(),
                partition.below.len()
            );
        }
        partition
    }

    fn scores(&self, said: &[Prediction], rows: &[usize]) -> Vec<f64> {
        let (kind, space) = (self.run.distillation.score, &self.data.space);
        let of = |(said, &row): (&Prediction, &usize)| {
            if self.context.is_rehearsal() {
                // Nothing was computed; B may have to read everything.
                return 0.0;
            }
            let labels = &self.data.train.labels[row];
            let read = said.labels.len().min(labels.len());
            let text = &self.data.train.texts[row];
            score(kind, space, text, said, &labels[..read])
        };
        said.iter().zip(rows).map(of).collect()
    }

    /// S30: B, trained on the samples below the threshold, and what it says of them.
    pub(super) fn second_teacher(
        &mut self,
        partition: &Partition,
        said_by_a: &[Prediction],
    ) -> Result<Second> {
        let (options, below) = (&self.run.distillation, &partition.below);
        let mut second = Second {
            teacher: None,
            said: vec![None; partition.scores.len()],
        };
        if below.is_empty() {
            tracing::info!("no sample is below the threshold: teacher B has nothing to learn");
            return Ok(second);
        }
        let replayed = replay(partition, options, self.context.seed());
        let model = self.architecture(&self.run.teacher_b);
        let encoder = self.encoder(&model)?;
        let texts = self.encoded(&encoder);
        let mut targets = originals(&texts);
        if options.b_target == BTarget::BelowThreshold {
            for &row in below {
                targets[row].labels.clone_from(&said_by_a[row].labels);
            }
        }
        let job = Job {
            name: "teacher_b",
            model: &model,
            encoder: &encoder,
            training: &self.run.training.teacher_b,
        };
        let rows: Vec<usize> = below.iter().chain(&replayed).copied().collect();
        let teacher = self.fit(&job, texts.select(&rows), chosen(&targets, &rows))?;
        let (data, asks) = (self.data, options.asks_b());
        let own = |teacher: &TextClassifier| {
            predictions(teacher.model(), &texts.select(below).texts, &data.space)
        };
        let said = match options.predict_mode {
            // What nobody asks for need not be cross-fitted.
            PredictMode::CrossFit if asks => {
                match self.cross_fitted(&job, &targets, below, &replayed)? {
                    Some(said) => said,
                    None => own(&teacher)?,
                }
            }
            _ => own(&teacher)?,
        };
        let scores = match asks {
            true => self.scores(&said, below),
            false => return Ok(second.taught(teacher)),
        };
        for ((&row, said), score) in below.iter().zip(said).zip(scores) {
            second.said[row] = Some((said, score));
        }
        Ok(second.taught(teacher))
    }

    /// What models say of these samples, each of a fold that they were not trained on; `always` are
    /// samples that all of them read. Not even a fold's vocabulary has seen the samples that are asked
    /// about. None if the samples are too few to be divided.
    fn cross_fitted(
        &mut self,
        job: &Job<'_>,
        targets: &[Target],
        rows: &[usize],
        always: &[usize],
    ) -> Result<Option<Vec<Prediction>>> {
        let Some(number) = self.folds(job.name, rows) else {
            return Ok(None);
        };
        let (data, seed) = (self.data, self.context.seed());
        let set = data.train.labelled(&data.space);
        let fold_of = folds(&set, rows, number, seed)?;
        let mut said = vec![Prediction::default(); rows.len()];
        for fold in 0..number {
            let (asked, mut read): (Vec<usize>, Vec<usize>) =
                (0..rows.len()).partition(|&place| fold_of[place] == fold);
            let asked_rows: Vec<usize> = asked.iter().map(|&place| rows[place]).collect();
            let about = data.train.select(&asked_rows);
            let known: HashSet<&String> = about.texts.iter().collect();
            read.iter_mut().for_each(|place| *place = rows[*place]);
            read.extend(
                always
                    .iter()
                    .filter(|&&row| !known.contains(&data.train.texts[row])),
            );
            let samples = data.train.select(&read);
            let encoder = self.encoder_of(job.model, &samples.texts)?;
            let name = format!("{}_fold_{}", job.name, fold + 1);
            let job = Job {
                name: &name,
                encoder: &encoder,
                ..*job
            };
            let texts = Encodings::new(&encoder, &samples, &data.space);
            let model = self.fit(&job, texts, chosen(targets, &read))?;
            let asked_texts = Encodings::new(&encoder, &about, &data.space).texts;
            let answers = predictions(model.model(), &asked_texts, &data.space)?;
            for (place, answer) in asked.into_iter().zip(answers) {
                said[place] = answer;
            }
        }
        Ok(Some(said))
    }

    /// As many folds as were asked for, or as there are different texts.
    fn folds(&self, name: &str, rows: &[usize]) -> Option<usize> {
        let texts = self.data.train.select(rows).texts;
        let (asked, most) = (self.run.distillation.folds, groups(&texts).len());
        if most < asked && !self.context.is_rehearsal() {
            let instead = match most {
                0 | 1 => "its own predictions are used".to_string(),
                most => format!("{most} folds are made"),
            };
            tracing::warn!(
                "{name}: {most} different texts cannot be divided into {asked} folds: {instead}"
            );
        }
        (most > 1).then_some(most.min(asked))
    }
}

/// The original labels of all samples, as targets.
pub(super) fn originals(texts: &Encodings) -> Vec<Target> {
    texts.labels.iter().map(|l| Target::original(l)).collect()
}

/// The targets of these samples.
pub(super) fn chosen(targets: &[Target], rows: &[usize]) -> Vec<Target> {
    rows.iter().map(|&row| targets[row].clone()).collect()
}

/// The target samples that B reads beside those below the threshold: the share asked for, and as many
/// as are missing where those are too few to learn from.
pub(super) fn replay(partition: &Partition, options: &RelayOptions, seed: u64) -> Vec<usize> {
    let share = (options.b_extra * partition.target.len() as f64).round() as usize;
    let missing = options.b_min.saturating_sub(partition.below.len());
    let wanted = share.max(missing).min(partition.target.len());
    if missing > 0 {
        tracing::warn!(
            "only {} samples are below the threshold; teacher B also reads {wanted} of the others \
             (`distillation.b_min` is {})",
            partition.below.len(),
            options.b_min
        );
    }
    let mut drawn = partition.target.clone();
    Rng::new(seed, "replay", &[]).shuffle(&mut drawn);
    drawn.truncate(wanted);
    drawn.sort_unstable();
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layerwise::Preset;

    #[test]
    fn replay_draws_the_share_or_what_is_missing() {
        let options = |b_extra, b_min| RelayOptions {
            b_extra,
            b_min,
            ..RelayOptions::preset(Preset::Literal)
        };
        let scores: Vec<f64> = (0..100).map(|row| f64::from(row % 10 != 0)).collect();
        let partition = Partition::new(scores, 0.9);
        let count = |b_extra, b_min| replay(&partition, &options(b_extra, b_min), 1).len();
        assert_eq!((count(0.0, 10), count(0.0, 0)), (0, 0));
        assert_eq!((count(0.5, 0), count(1.0, 0)), (45, 90));
        assert_eq!((count(0.0, 50), count(0.0, 500)), (40, 90));
        let drawn = replay(&partition, &options(0.3, 0), 7);
        assert!(drawn.iter().all(|&row| partition.is_target(row)));
        assert!(drawn.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
