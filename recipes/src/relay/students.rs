//! The student: steps S401 to S4043, and what it is compared with.

use super::labels::{Source, Target};
use super::objective::TargetTerm;
use super::options::FinalTarget;
use super::run::{Job, Recipe, Stage};
use super::samples::Encodings;
use super::teachers::{chosen, originals};
use crate::config::Model;
use crate::error::Result;
use crate::text::TextClassifier;

impl Recipe<'_, '_> {
    /// S401: the student on the original labels.
    pub(super) fn initial_student(&mut self) -> Result<TextClassifier> {
        let model = self.architecture(&Model::TextCnn(self.run.student.clone()));
        let encoder = self.encoder(&model)?;
        let texts = self.encoded(&encoder);
        let targets = originals(&texts);
        let job = Job {
            name: "student_initial",
            model: &model,
            encoder: &encoder,
            training: &self.run.training.student,
        };
        self.fit(&job, texts, targets)
    }

    /// The student on the original labels, for as many updates more as it may make with teachers.
    pub(super) fn student_alone(&mut self, initial: &TextClassifier) -> Result<TextClassifier> {
        let texts = self.encoded(initial.encoder());
        let mut student = initial.copy()?;
        let stages = [
            ("student_alone_first", &self.run.training.relay),
            ("student_alone", &self.run.training.last),
        ];
        for (name, training) in stages {
            let stage = Stage {
                name,
                training,
                terms: vec![TargetTerm::original(1.0, originals(&texts))],
                texts: texts.clone(),
                converges: false,
                counts_all: true,
            };
            student = self.train(student, stage)?.0;
        }
        Ok(student)
    }

    /// S402 to S4043: the student on relay labels until that loss converges; if it does not, on its
    /// final targets.
    pub(super) fn student(
        &mut self,
        name: &str,
        initial: &TextClassifier,
        all: &Encodings,
        targets: &[Target],
    ) -> Result<TextClassifier> {
        let kept: Vec<usize> = (0..targets.len())
            .filter(|&row| targets[row].source != Source::Dropped)
            .collect();
        if kept.is_empty() {
            tracing::warn!("{name}: the policy leaves no sample, the student stays as it was");
            self.context.keep(name, initial)?;
            return initial.copy();
        }
        let texts = all.select(&kept);
        let relayed = |weight| TargetTerm::relay(weight, chosen(targets, &kept));
        let original = |weight| TargetTerm::original(weight, originals(&texts));
        let first = Stage {
            name: &format!("{name}_first"),
            training: &self.run.training.relay,
            texts: texts.clone(),
            terms: vec![relayed(1.0)],
            converges: true,
            counts_all: true,
        };
        let (student, converged) = self.train(initial.copy()?, first)?;
        if converged {
            tracing::info!("{name}: the loss on relay labels has converged, the student is final");
            if self.context.finished(name)?.is_none() {
                self.context.keep(name, &student)?;
            }
            return Ok(student);
        }
        let last = Stage {
            name,
            training: &self.run.training.last,
            terms: match self.run.distillation.final_target {
                FinalTarget::Original => vec![original(1.0)],
                FinalTarget::Relay => vec![relayed(1.0)],
                FinalTarget::Mixed => vec![original(0.5), relayed(0.5)],
            },
            texts,
            converges: true,
            counts_all: true,
        };
        Ok(self.train(student, last)?.0)
    }
}
