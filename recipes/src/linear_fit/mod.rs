//! A linear model at the optimum of a penalised convex loss: the support vector machine and the
//! logistic regression of n-grams.
//!
//! ```text
//! ½ ‖W‖² + C Σ_i l_i          l: squared hinge of every class against the rest, or cross-entropy
//! ```
//!
//! The bias is the weight of a constant feature 1 and is penalised like any other, as in
//! LIBLINEAR. The loss that is logged is this divided by C n, the mean loss and its penalty. All
//! texts are read at every step, in the variables of [`Basis`], by conjugate gradients; each value
//! of C is a part of the stage and begins where the one before has ended. The weights that stay are
//! those with the best accuracy on dev, then the least cross-entropy.

mod basis;

use std::collections::HashMap;

use limbeck_engine::{ParameterStore, Tape, Tensor};
use limbeck_kernels::{Normaliser, half_squared_norm, weighted_mean};
use limbeck_losses::Term;
use limbeck_models::{BagOfNgrams, BagOfNgramsConfig, Batch, Classifier, Encoded, SparseText};
use limbeck_training::stage::{DevScore, Objective, StageReport};

use crate::error::Result;
use crate::supervised::{Labelled, SupervisedLoss, dev_score};
use crate::text::TextClassifier;
use basis::Basis;

/// Name of the table in the model of n-grams.
const TABLE: &str = "ngrams.weight";

/// The objective: one part per value of C.
pub(crate) struct LinearFit<'a> {
    texts: Labelled,
    dev: Labelled,
    basis: Basis,
    model: BagOfNgrams,
    batch: Batch,
    penalties: Tensor,
    loss: SupervisedLoss,
    grid: &'a [f64],
    /// Steps of each part, at most.
    steps: u64,
    /// The value of C in use.
    c: f64,
    name: &'static str,
}

impl<'a> LinearFit<'a> {
    /// The objective on labelled texts for a classifier of n-grams; `steps` at most for each value
    /// of C in `grid`, which is not empty. `name` is that of the loss in logs.
    ///
    /// # Errors
    /// If a text is no bag of n-grams, or the device failed.
    pub(crate) fn new(
        classifier: &TextClassifier,
        (texts, dev): (&Labelled, &Labelled),
        loss: SupervisedLoss,
        (grid, steps): (&'a [f64], u64),
        name: &'static str,
    ) -> Result<Self> {
        let device = classifier.model().device();
        let sparse = sparse(&texts.texts)?;
        // Second derivatives by a score: 2 of a squared hinge, p (1 - p) of cross-entropy.
        let curvature = match loss {
            SupervisedLoss::Hinge => 2.0,
            SupervisedLoss::CrossEntropy => 0.25,
        };
        let size = classifier.encoder().size();
        let basis = Basis::new(&sparse, size, geometric_mean(grid), curvature);
        let model = BagOfNgrams::new(
            BagOfNgramsConfig {
                vocabulary_size: basis.size(),
                vocabulary: basis.vocabulary(),
                classes: classifier.labels().len(),
                hidden_size: 0,
                dropout: 0.0,
            },
            0,
            device,
        )?;
        let (texts, dev) = (in_basis(&basis, texts)?, in_basis(&basis, dev)?);
        let penalties = device.real(basis.penalties(), [basis.penalties().len()])?;
        Ok(LinearFit {
            batch: model.batch(&texts.all(), 0)?,
            texts,
            dev,
            basis,
            model,
            penalties,
            loss,
            grid,
            steps,
            c: grid[0],
            name,
        })
    }

    /// Gives the classifier the weights of all its n-grams.
    ///
    /// # Errors
    /// If the device failed.
    pub(crate) fn finish(
        &self,
        classifier: &mut TextClassifier,
        report: &StageReport,
    ) -> Result<()> {
        // Without dev texts nothing is chosen, and the weights at hand are those of the last part.
        let last = report.best_step.unwrap_or(report.steps);
        let c = self.value(last.saturating_sub(1) / self.steps);
        classifier.set_c(c);
        if self.model.device().is_shapes() {
            return Ok(());
        }
        if self.grid.len() > 1 {
            tracing::info!("C = {c} of {:?}", self.grid);
        }
        let (_, _, table) = &self.model.parameters().read()?[0];
        let expanded = self.basis.expand(table, self.model.classes());
        let named = HashMap::from([(TABLE.to_string(), expanded)]);
        Ok(classifier.model_mut().parameters_mut().load(&named)?)
    }

    /// The value of C of a part.
    fn value(&self, part: u64) -> f64 {
        self.grid[(part as usize).min(self.grid.len() - 1)]
    }
}

impl Objective for LinearFit<'_> {
    fn stores(&self) -> Vec<&ParameterStore> {
        vec![self.model.parameters()]
    }

    fn stores_mut(&mut self) -> Vec<&mut ParameterStore> {
        vec![self.model.parameters_mut()]
    }

    fn terms(&self, tape: &Tape, _step: u64) -> limbeck_training::Result<Vec<Term>> {
        let logits = self.model.forward(tape, &self.batch)?.logits;
        let value = tape.scope(self.name, || {
            self.loss.value(tape, &logits, &self.texts.labels)
        })?;
        let store = self.model.parameters();
        let table = store.find(TABLE).expect("a bag of n-grams has its table");
        let penalty = tape.scope("penalty", || {
            let rows = half_squared_norm(tape, &tape.parameter(store, table))?;
            let scales = tape.constant(self.penalties.clone());
            weighted_mean(tape, &rows, Some(&scales), Normaliser::Count(1.0))
        })?;
        let weight = 1.0 / (self.c * self.texts.texts.len().max(1) as f64);
        Ok(vec![
            Term::new(self.name, value, 1.0),
            Term::new("penalty", penalty, weight as f32),
        ])
    }

    fn samples(&self, _step: u64) -> Vec<u64> {
        (0..self.texts.texts.len() as u64).collect()
    }

    fn tokens(&self, _step: u64) -> u64 {
        self.texts
            .lengths()
            .iter()
            .map(|&length| length as u64)
            .sum()
    }

    /// As an epoch counts the fit for one value of C.
    fn steps_per_epoch(&self) -> u64 {
        self.steps
    }

    fn part_steps(&self) -> Option<u64> {
        Some(self.steps)
    }

    fn begin_part(&mut self, part: u64) {
        self.c = self.value(part);
    }

    fn evaluate(&self) -> limbeck_training::Result<Option<DevScore>> {
        let score = dev_score(&self.model, &self.dev)?;
        Ok(score.map(|mut score| {
            if !self.model.device().is_shapes() {
                tracing::info!("C = {}: accuracy {:.4} on dev", self.c, score.metric);
            }
            score.figures.push(("c", self.c));
            score
        }))
    }
}

/// What a basis for a whole grid is scaled by.
fn geometric_mean(grid: &[f64]) -> f64 {
    (grid.iter().map(|c| c.ln()).sum::<f64>() / grid.len() as f64).exp()
}

fn sparse(texts: &[Encoded]) -> Result<Vec<&SparseText>> {
    let each = texts.iter().map(|text| match text {
        Encoded::Ngrams(text) => Ok(text),
        _ => Err(limbeck_engine::Error::Mismatch(
            "a linear model of n-grams cannot read a text that was encoded for another kind".into(),
        )),
    });
    Ok(each.collect::<limbeck_engine::Result<_>>()?)
}

fn in_basis(basis: &Basis, texts: &Labelled) -> Result<Labelled> {
    let each = sparse(&texts.texts)?.into_iter();
    Ok(Labelled {
        texts: each.map(|text| Encoded::Ngrams(basis.text(text))).collect(),
        labels: texts.labels.clone(),
    })
}
