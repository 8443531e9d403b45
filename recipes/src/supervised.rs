//! Plain supervised training of one classifier.

use limbeck_data::read::LabelledSet;
use limbeck_engine::{ParameterStore, Tape, Var};
use limbeck_losses::{Term, hard_cross_entropy, hinge};
use limbeck_models::{Classifier, Encoded};
use limbeck_training::stage::{DevScore, MicroBatch, Objective};

use crate::error::Result;
use crate::steps::Steps;
use crate::text::{Encoder, TextClassifier, judge};

/// Encoded texts and their labels.
#[derive(Clone, Debug, Default)]
pub struct Labelled {
    /// The texts as the model reads them.
    pub texts: Vec<Encoded>,
    /// Their classes.
    pub labels: Vec<u32>,
}

impl Labelled {
    /// Encodes a labelled set.
    pub fn new(encoder: &Encoder, set: &LabelledSet) -> Self {
        Labelled {
            texts: encoder.encode_all(&set.texts),
            labels: set.labels.clone(),
        }
    }

    /// References to all texts.
    pub(crate) fn all(&self) -> Vec<&Encoded> {
        self.texts.iter().collect()
    }

    /// The texts of the rows that `inside` picks, and the others; each with its row numbers.
    pub(crate) fn divide(
        &self,
        inside: impl Fn(usize) -> bool,
    ) -> ((Labelled, Vec<usize>), (Labelled, Vec<usize>)) {
        let (taken, rest): (Vec<usize>, Vec<usize>) =
            (0..self.texts.len()).partition(|&row| inside(row));
        let select = |rows: Vec<usize>| {
            let texts = rows.iter().map(|&row| self.texts[row].clone()).collect();
            let labels = rows.iter().map(|&row| self.labels[row]).collect();
            (Labelled { texts, labels }, rows)
        };
        (select(taken), select(rest))
    }

    pub(crate) fn lengths(&self) -> Vec<usize> {
        self.texts.iter().map(Encoded::len).collect()
    }

    /// References to the texts of these rows, and their labels.
    pub(crate) fn rows(&self, rows: &[usize]) -> (Vec<&Encoded>, Vec<u32>) {
        (
            rows.iter().map(|&r| &self.texts[r]).collect(),
            rows.iter().map(|&r| self.labels[r]).collect(),
        )
    }
}

/// What supervised training minimises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SupervisedLoss {
    /// Cross-entropy.
    CrossEntropy,
    /// One-vs-rest squared hinge.
    Hinge,
}

impl SupervisedLoss {
    /// Its mean over texts with these scores and labels.
    ///
    /// # Errors
    /// If they do not fit, or the device failed.
    pub fn value(self, tape: &Tape, logits: &Var, labels: &[u32]) -> limbeck_engine::Result<Var> {
        match self {
            SupervisedLoss::CrossEntropy => hard_cross_entropy(tape, logits, labels),
            SupervisedLoss::Hinge => hinge(tape, logits, labels),
        }
    }
}

/// `L = (1/M) Σ_i loss(y_i, z(x_i))` over batches of M labelled texts.
pub struct Supervised<'a> {
    classifier: &'a mut TextClassifier,
    train: Labelled,
    dev: &'a Labelled,
    steps: Steps,
    loss: SupervisedLoss,
    term: (&'static str, f32),
    by_macro_f1: bool,
}

impl<'a> Supervised<'a> {
    /// The objective; `term` is the name and the weight of the loss.
    ///
    /// # Errors
    /// If there is no text or the batch size is 0.
    pub fn new(
        classifier: &'a mut TextClassifier,
        train: Labelled,
        dev: &'a Labelled,
        batch: (usize, u64),
        loss: SupervisedLoss,
        term: (&'static str, f32),
    ) -> Result<Self> {
        let steps = Steps::new(train.lengths(), batch.0, batch.1, "labelled")?;
        Ok(Supervised {
            classifier,
            train,
            dev,
            steps,
            loss,
            term,
            by_macro_f1: false,
        })
    }

    /// Judged on dev by macro-F1 in place of accuracy.
    #[must_use]
    pub(crate) fn by_macro_f1(mut self) -> Self {
        self.by_macro_f1 = true;
        self
    }
}

impl Objective for Supervised<'_> {
    fn stores(&self) -> Vec<&ParameterStore> {
        vec![self.classifier.model().parameters()]
    }

    fn stores_mut(&mut self) -> Vec<&mut ParameterStore> {
        vec![self.classifier.model_mut().parameters_mut()]
    }

    fn terms(&self, tape: &Tape, step: u64) -> limbeck_training::Result<Vec<Term>> {
        self.terms_of(tape, step, MicroBatch::WHOLE)
    }

    fn terms_of(
        &self,
        tape: &Tape,
        step: u64,
        part: MicroBatch,
    ) -> limbeck_training::Result<Vec<Term>> {
        let rows = self.steps.rows(step);
        let range = part.range(rows.len());
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let (texts, labels) = self.train.rows(&rows[range.clone()]);
        let model = self.classifier.model();
        let batch = model.batch(&texts, range.start as u32)?;
        let logits = model.forward(tape, &batch)?.logits;
        let (name, weight) = self.term;
        let value = tape.scope(name, || self.loss.value(tape, &logits, &labels))?;
        let share = part.share(rows.len());
        Ok(vec![Term::new(name, value, weight).of_share(share)])
    }

    fn samples(&self, step: u64) -> Vec<u64> {
        self.steps
            .rows(step)
            .into_iter()
            .map(|row| row as u64)
            .collect()
    }

    fn tokens(&self, step: u64) -> u64 {
        self.steps
            .rows(step)
            .iter()
            .map(|&row| self.train.texts[row].len() as u64)
            .sum()
    }

    fn steps_per_epoch(&self) -> u64 {
        self.steps.per_epoch()
    }

    fn read_largest_batches(&mut self) {
        self.steps.pin_longest(&self.train.lengths());
    }

    fn evaluate(&self) -> limbeck_training::Result<Option<DevScore>> {
        let score = dev_score(self.classifier.model(), self.dev)?;
        let macro_f1 = |score: &DevScore| {
            let figure = score.figures.iter().find(|(name, _)| *name == "macro_f1");
            figure.map_or(score.metric, |(_, value)| *value)
        };
        Ok(score.map(|score| match self.by_macro_f1 {
            true => DevScore {
                metric: macro_f1(&score),
                ..score
            },
            false => score,
        }))
    }
}

/// Accuracy on dev, ties broken by cross-entropy.
pub(crate) fn dev_score(
    model: &dyn Classifier,
    dev: &Labelled,
) -> limbeck_training::Result<Option<DevScore>> {
    if dev.texts.is_empty() {
        return Ok(None);
    }
    let judged = judge(model, &dev.texts.iter().collect::<Vec<_>>(), &dev.labels)?;
    let accuracy = judged.confusion.accuracy();
    Ok(Some(DevScore {
        metric: accuracy,
        loss: judged.loss,
        figures: vec![
            ("accuracy", accuracy),
            ("macro_f1", judged.confusion.macro_f1()),
            ("cross_entropy", judged.loss),
        ],
    }))
}
