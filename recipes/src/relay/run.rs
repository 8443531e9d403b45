//! The whole method: S10 to S40, and what the student is compared with.

use limbeck_losses::LabelLoss;
use limbeck_models::Head;
use limbeck_training::stage::StageOptions;

use super::data::RelayData;
use super::judge::{self, Judge};
use super::labels::{Evidence, Target};
use super::objective::{Comparison, RelayObjective, TargetTerm};
use super::options::Loss;
use super::provenance;
use super::samples::Encodings;
use crate::config::{Model, RelayRun, StageConfig, TaggerConfig};
use crate::context::RunContext;
use crate::error::Result;
use crate::measured::Measured;
use crate::stages::stage_options;
use crate::text::{Encoder, TextClassifier};

/// The finished models and how they did.
pub struct Relayed {
    /// Teacher A.
    pub teacher_a: TextClassifier,
    /// Teacher B; none if there was nothing for it to learn.
    pub teacher_b: Option<TextClassifier>,
    /// The student.
    pub student: TextClassifier,
    /// One row of figures per model.
    pub measured: Measured,
}

/// Runs the method on the data of a run file, and judges its models.
///
/// # Errors
/// Those of data, device and training.
pub fn distill(run: &RelayRun, data: &RelayData, context: &mut RunContext<'_>) -> Result<Relayed> {
    let mut recipe = Recipe { run, data, context };
    let (teacher_a, said_by_a) = recipe.first_teacher()?;
    let partition = recipe.partition(&said_by_a);
    let second = recipe.second_teacher(&partition, &said_by_a)?;
    let initial = recipe.initial_student()?;
    let alone = match run.student_alone {
        true => Some(recipe.student_alone(&initial)?),
        false => None,
    };
    let texts = recipe.encoded(initial.encoder());
    let evidence = Evidence {
        labels: &texts.labels,
        a: &said_by_a,
        partition: &partition,
        b: &second.said,
        threshold: run.distillation.threshold,
    };
    let mut students = Vec::new();
    for policy in run.distillation.policies() {
        let name = match students.is_empty() {
            true => "student".to_string(),
            false => format!("student_{}", policy.name()),
        };
        let targets = evidence.targets(policy, run.distillation.label_form);
        let paths = recipe.context.paths();
        provenance::write(paths, &name, &targets, &evidence, &data.space)?;
        let student = recipe.student(&name, &initial, &texts, &targets)?;
        students.push((name, student));
    }
    let mut models = vec![("teacher_a", &teacher_a)];
    models.extend(second.teacher.as_ref().map(|b| ("teacher_b", b)));
    models.push(("student_initial", &initial));
    models.extend(alone.as_ref().map(|alone| ("student_alone", alone)));
    models.extend(students.iter().map(|(name, s)| (name.as_str(), s)));
    let measured = judge::measured(&models, data)?;
    let (_, student) = students.swap_remove(0);
    Ok(Relayed {
        teacher_a,
        teacher_b: second.teacher,
        student,
        measured,
    })
}

/// A run in progress.
pub(super) struct Recipe<'a, 'c> {
    pub(super) run: &'a RelayRun,
    pub(super) data: &'a RelayData,
    pub(super) context: &'a mut RunContext<'c>,
}

/// A model to be trained from random weights.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) name: &'a str,
    pub(super) model: &'a Model,
    pub(super) encoder: &'a Encoder,
    pub(super) training: &'a StageConfig,
}

/// One stage of one model.
pub(super) struct Stage<'a> {
    pub(super) name: &'a str,
    pub(super) training: &'a StageConfig,
    pub(super) texts: Encodings,
    pub(super) terms: Vec<TargetTerm>,
    /// Whether it ends once its loss has converged.
    pub(super) converges: bool,
    /// Whether its epochs are as long as if it read all samples.
    pub(super) counts_all: bool,
}

impl Recipe<'_, '_> {
    /// The architecture of one of the three models, for this form of labels.
    pub(super) fn architecture(&self, model: &Model) -> Model {
        TaggerConfig::over(model, self.run.words, &self.run.data, &self.data.space)
    }

    /// What a model reads texts with, made of all training texts.
    pub(super) fn encoder(&self, model: &Model) -> Result<Encoder> {
        self.encoder_of(model, &self.data.train.texts)
    }

    pub(super) fn encoder_of(&self, model: &Model, texts: &[String]) -> Result<Encoder> {
        let first_token = model.reads_first_token();
        Ok(Encoder::train(model, &self.run.data, first_token, texts)?)
    }

    /// The training samples as a model reads them.
    pub(super) fn encoded(&self, encoder: &Encoder) -> Encodings {
        Encodings::new(encoder, &self.data.train, &self.data.space)
    }

    /// Trains a model from random weights, or from those of its folder.
    pub(super) fn fit(
        &mut self,
        job: &Job<'_>,
        texts: Encodings,
        targets: Vec<Target>,
    ) -> Result<TextClassifier> {
        let (seed, device) = (self.context.seed(), self.context.device());
        let (encoder, labels) = (job.encoder.clone(), &self.data.space.names);
        let start =
            TextClassifier::initial(job.model, Head::Pooled, encoder, labels, seed, device)?;
        let stage = Stage {
            name: job.name,
            training: job.training,
            texts,
            terms: vec![TargetTerm::original(1.0, targets)],
            converges: true,
            counts_all: false,
        };
        Ok(self.train(start, stage)?.0)
    }

    /// Trains a model, or loads it if an interrupted run has finished it; and whether it stopped
    /// because its loss had converged.
    pub(super) fn train(
        &mut self,
        start: TextClassifier,
        stage: Stage<'_>,
    ) -> Result<(TextClassifier, bool)> {
        let options = self.options(&stage);
        if let Some(finished) = self.context.finished(stage.name)? {
            self.context.skip(options.steps);
            let converged = provenance::has_converged(self.context.paths(), stage.name)?;
            return Ok((finished, converged));
        }
        let mut classifier = start;
        let judge = Judge::new(classifier.encoder(), &self.data.space, &self.data.dev);
        let batch = (stage.training.batch_size, self.context.seed());
        let (texts, terms, comparison) = (stage.texts.texts, stage.terms, self.comparison());
        let mut objective =
            RelayObjective::new(&mut classifier, texts, terms, comparison, &judge, batch)?;
        let report = self.context.train(options, &mut objective)?;
        provenance::keep_converged(self.context.paths(), stage.name, report.converged)?;
        self.context.keep(stage.name, &classifier)?;
        Ok((classifier, report.converged))
    }

    fn options(&self, stage: &Stage<'_>) -> StageOptions {
        // Epochs are counted in all samples, so that a policy that drops some makes as many updates.
        let samples = match stage.counts_all {
            true => self.data.train.len(),
            false => stage.texts.len(),
        };
        let per_epoch = samples.div_ceil(stage.training.batch_size.max(1)) as u64;
        let options = stage_options(stage.name, stage.training, per_epoch);
        let rule = self.run.distillation.convergence.into();
        StageOptions {
            convergence: stage.converges.then_some(rule),
            ..options
        }
    }

    fn comparison(&self) -> Comparison {
        let options = &self.run.distillation;
        let loss = match options.loss {
            Loss::Focal => LabelLoss::Focal {
                gamma: options.gamma as f32,
            },
            Loss::CrossEntropy => LabelLoss::CrossEntropy,
            Loss::Cosine => LabelLoss::Cosine,
            Loss::Euclidean => LabelLoss::Euclidean,
            Loss::Ctc => return Comparison::Ctc,
        };
        Comparison::Rows {
            loss,
            temperature: options.temperature as f32,
        }
    }
}
