//! How good a model is: on dev for choices, on test for the record.

use std::path::Path;

use limbeck_engine::Device;
use limbeck_training::predictions::{Answer, Predictions};
use limbeck_training::run_folder::Metrics;
use limbeck_training::stage::DevScore;

use super::data::{UnitData, UnitPart, UnitTask};
use super::judge_pictures::PictureJudge;
use super::judge_speech::SpeechJudge;
use super::run::remark;
use crate::config::UnitSelectRun;
use crate::error::Result;
use crate::measured::Measured;
use crate::relay;
use crate::text::{Encoder, TextClassifier};

/// Samples that models are judged on, as one of them reads these.
pub enum Judge<'a> {
    /// Texts, or their words.
    Texts(relay::Judge<'a>),
    /// Pixels.
    Pictures(PictureJudge<'a>),
    /// Strings of speech.
    Speech(SpeechJudge<'a>),
}

impl<'a> Judge<'a> {
    /// A judge for models with this encoder.
    pub fn new(encoder: &Encoder, data: &'a UnitData, part: &'a UnitPart) -> Self {
        let samples = || data.encode(encoder, part);
        match (part, &data.task) {
            (UnitPart::Texts(part), UnitTask::Fields(space)) => {
                Judge::Texts(relay::Judge::new(encoder, space, part))
            }
            (UnitPart::Clips(clips), _) => Judge::Speech(SpeechJudge::new(samples(), clips, data)),
            (part, _) => Judge::Pictures(PictureJudge::new(samples(), part.names(), data)),
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
        match self {
            Judge::Texts(judge) => judge.dev_score(classifier),
            Judge::Pictures(judge) => judge.dev_score(classifier),
            Judge::Speech(judge) => judge.dev_score(classifier),
        }
    }

    /// The row of a results table, with the cost of an answer if `timed`, and the answers.
    ///
    /// # Errors
    /// If the device failed.
    fn row(&self, classifier: &TextClassifier, timed: bool) -> Result<(Metrics, Vec<Answer>)> {
        let (row, answers) = match self {
            Judge::Texts(judge) => return judge.measured_row(classifier, timed),
            Judge::Pictures(judge) => judge.row(classifier, timed)?,
            Judge::Speech(judge) => judge.row(classifier, timed)?,
        };
        Ok(match timed {
            true => (classifier.with_size(row), answers),
            false => (row, answers),
        })
    }

    /// The samples, without an answer yet.
    fn samples(&self, split: &str) -> Predictions {
        match self {
            Judge::Texts(judge) => judge.samples(split),
            Judge::Pictures(judge) => judge.samples(split),
            Judge::Speech(judge) => judge.samples(split),
        }
    }
}

/// One row of figures per model on dev, and on test if it was read. Size and speed stand with those on
/// test, or with those on dev where it was not.
///
/// # Errors
/// If the device failed.
pub(super) fn measured(models: &[(&str, &TextClassifier)], data: &UnitData) -> Result<Measured> {
    let mut measured = Measured::default();
    measured.evaluation.labels = data.classes.clone();
    for (name, classifier) in models {
        let judge = |part| Judge::new(classifier.encoder(), data, part);
        let dev = match data.dev.is_empty() {
            true => Metrics::new(),
            false => {
                let judge = judge(&data.dev);
                let (row, answers) = judge.row(classifier, data.test.is_none())?;
                measured.keep(name, answers, "dev", |split| judge.samples(split));
                row
            }
        };
        measured.dev.set(*name, dev);
        if let Some(test) = &data.test {
            let judge = judge(test);
            let (row, answers) = judge.row(classifier, true)?;
            measured.keep(name, answers, "test", |split| judge.samples(split));
            measured.test.get_or_insert_default().set(*name, row);
        }
    }
    Ok(measured)
}

/// Judges the models of a finished run, which are in folders of these names.
///
/// # Errors
/// If a model is missing or damaged, or the device failed.
pub fn measure_finished(
    run: &UnitSelectRun,
    folder: &Path,
    names: &[&str],
    data: &UnitData,
    device: &Device,
) -> Result<Measured> {
    let load = |name: &&str| TextClassifier::load(&folder.join("model").join(name), device);
    let models: Vec<TextClassifier> = names.iter().map(load).collect::<Result<_>>()?;
    let models: Vec<(&str, &TextClassifier)> = names.iter().copied().zip(&models).collect();
    let mut measured = measured(&models, data)?;
    remark(run, &mut measured, Some(folder))?;
    Ok(measured)
}
