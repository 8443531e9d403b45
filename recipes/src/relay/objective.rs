//! What a model of the relay minimises: its answers against one or two targets a sample.

use limbeck_engine::{ParameterStore, Tape, Var};
use limbeck_kernels::{CtcTargets, Labels, Normaliser, add, crf, ctc, weighted_mean};
use limbeck_losses::{LabelLoss, Term};
use limbeck_models::{Batch, Classifier, Encoded};
use limbeck_training::stage::{DevScore, Objective};

use super::judge::Judge;
use super::labels::Target;
use crate::error::Result;
use crate::steps::Steps;
use crate::text::{TextClassifier, softmax, symbols_of};

/// A loss against one kind of targets.
pub struct TargetTerm {
    /// Its name.
    pub name: &'static str,
    /// Its weight.
    pub weight: f32,
    /// The target of every sample.
    pub targets: Vec<Target>,
}

impl TargetTerm {
    /// Against the labels of the data.
    pub fn original(weight: f32, targets: Vec<Target>) -> Self {
        let name = "original";
        TargetTerm {
            name,
            weight,
            targets,
        }
    }

    /// Against the labels of the teachers.
    pub fn relay(weight: f32, targets: Vec<Target>) -> Self {
        let name = "relay";
        TargetTerm {
            name,
            weight,
            targets,
        }
    }
}

/// How answers are compared with targets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Comparison {
    /// Label by label.
    Rows {
        /// The loss.
        loss: LabelLoss,
        /// Temperature of distributions.
        temperature: f32,
    },
    /// All that a sample's labels write: CTC with copies.
    Ctc,
}

/// One model, its texts, their targets.
pub struct RelayObjective<'a> {
    classifier: &'a mut TextClassifier,
    texts: Vec<Encoded>,
    terms: Vec<TargetTerm>,
    comparison: Comparison,
    judge: &'a Judge<'a>,
    steps: Steps,
}

impl<'a> RelayObjective<'a> {
    /// The objective. Every term has a target for every text.
    ///
    /// # Errors
    /// If there is no text or the batch size is 0.
    pub fn new(
        classifier: &'a mut TextClassifier,
        texts: Vec<Encoded>,
        terms: Vec<TargetTerm>,
        comparison: Comparison,
        judge: &'a Judge<'a>,
        (batch_size, seed): (usize, u64),
    ) -> Result<Self> {
        let lengths = texts.iter().map(Encoded::len).collect();
        let steps = Steps::new(lengths, batch_size, seed, "relay")?;
        Ok(RelayObjective {
            classifier,
            texts,
            terms,
            comparison,
            judge,
            steps,
        })
    }

    fn model(&self) -> &dyn Classifier {
        self.classifier.model()
    }

    /// The mean loss over the labels of the texts of a batch.
    fn term(
        &self,
        tape: &Tape,
        logits: &Var,
        batch: &Batch,
        targets: &[&Target],
    ) -> limbeck_engine::Result<Var> {
        let labels: Vec<u32> = targets.iter().flat_map(|t| &t.labels).copied().collect();
        if let Some(transitions) = self.model().transitions() {
            let transitions = tape.parameter(self.model().parameters(), transitions);
            let checked = Labels::new(tape.device(), &labels, self.model().classes())?;
            let packed = &batch.words()?.packed;
            let rows = crf(tape, logits, &transitions, packed, &checked)?;
            return weighted_mean(tape, &rows, None, Normaliser::Count(labels.len() as f32));
        }
        let Comparison::Rows { loss, temperature } = self.comparison else {
            return written(tape, logits, batch, targets);
        };
        let count = Normaliser::Count(labels.len() as f32);
        let soft = targets
            .iter()
            .filter(|target| target.scores.is_some())
            .count();
        if soft == 0 {
            let rows = loss.of_labels(tape, logits, &labels)?;
            return weighted_mean(tape, &rows, None, count);
        }
        let (truth, is_soft) = self.distributions(targets, temperature);
        let device = tape.device();
        let truth = tape.constant(device.real(&truth, logits.shape())?);
        let rows = loss.of_distributions(tape, logits, &truth, temperature)?;
        if soft == targets.len() {
            return weighted_mean(tape, &rows, None, count);
        }
        // Some of the batch have a teacher's distribution, and the others a label.
        let is_hard: Vec<f32> = is_soft.iter().map(|soft| 1.0 - soft).collect();
        let shape = [is_soft.len()];
        let is_soft = tape.constant(device.real(&is_soft, shape)?);
        let is_hard = tape.constant(device.real(&is_hard, shape)?);
        let hard = loss.of_labels(tape, logits, &labels)?;
        let soft = weighted_mean(tape, &rows, Some(&is_soft), count)?;
        add(
            tape,
            &soft,
            &weighted_mean(tape, &hard, Some(&is_hard), count)?,
        )
    }

    /// Probabilities at the temperature, a row per label, and for each row whether it has any.
    fn distributions(&self, targets: &[&Target], temperature: f32) -> (Vec<f32>, Vec<f32>) {
        let classes = self.model().classes();
        let (mut truth, mut is_soft) = (Vec::new(), Vec::new());
        for target in targets {
            match &target.scores {
                Some(scores) => {
                    for row in scores.chunks(classes) {
                        truth.extend(softened(row, temperature));
                        is_soft.push(1.0);
                    }
                }
                None => {
                    truth.resize(truth.len() + target.labels.len() * classes, 0.0);
                    is_soft.resize(is_soft.len() + target.labels.len(), 0.0);
                }
            }
        }
        (truth, is_soft)
    }
}

/// -ln of the probability of what the labels write, for each label.
fn written(
    tape: &Tape,
    logits: &Var,
    batch: &Batch,
    targets: &[&Target],
) -> limbeck_engine::Result<Var> {
    let batch = batch.words()?;
    let (mut tokens, mut symbols, mut rest) = (Vec::new(), Vec::new(), &batch.spelling_of[..]);
    for (target, &length) in targets.iter().zip(batch.packed.lengths().iter()) {
        let (own, others) = rest.split_at(length);
        symbols.push(symbols_of(own, &target.labels));
        tokens.push(own);
        rest = others;
    }
    let targets = CtcTargets::copying(tape.device(), &tokens, &symbols)?;
    let rows = ctc(tape, logits, &batch.packed, &targets)?;
    let count = Normaliser::Count(batch.packed.rows() as f32);
    weighted_mean(tape, &rows, None, count)
}

fn softened(scores: &[f32], temperature: f32) -> impl Iterator<Item = f32> {
    let scaled: Vec<f32> = scores.iter().map(|score| score / temperature).collect();
    softmax(&scaled).into_iter().map(|p| p as f32)
}

impl Objective for RelayObjective<'_> {
    fn stores(&self) -> Vec<&ParameterStore> {
        vec![self.classifier.model().parameters()]
    }

    fn stores_mut(&mut self) -> Vec<&mut ParameterStore> {
        vec![self.classifier.model_mut().parameters_mut()]
    }

    fn terms(&self, tape: &Tape, step: u64) -> limbeck_training::Result<Vec<Term>> {
        let rows = self.steps.rows(step);
        let texts: Vec<&Encoded> = rows.iter().map(|&row| &self.texts[row]).collect();
        let batch = self.model().batch(&texts, 0)?;
        let mut terms = Vec::with_capacity(self.terms.len());
        let mut logits = None;
        for term in &self.terms {
            let targets: Vec<&Target> = rows.iter().map(|&row| &term.targets[row]).collect();
            if logits.is_none() {
                // What a decoder has written before is what its first target says.
                let labels: Vec<u32> = targets.iter().flat_map(|t| &t.labels).copied().collect();
                logits = Some(self.model().forward_labelled(tape, &batch, &labels)?);
            }
            let Some(logits) = &logits else { continue };
            let value = tape.scope(term.name, || self.term(tape, logits, &batch, &targets))?;
            terms.push(Term::new(term.name, value, term.weight));
        }
        Ok(terms)
    }

    fn samples(&self, step: u64) -> Vec<u64> {
        let rows = self.steps.rows(step).into_iter();
        rows.map(|row| row as u64).collect()
    }

    fn tokens(&self, step: u64) -> u64 {
        let rows = self.steps.rows(step).into_iter();
        rows.map(|row| self.texts[row].len() as u64).sum()
    }

    fn steps_per_epoch(&self) -> u64 {
        self.steps.per_epoch()
    }

    fn read_largest_batches(&mut self) {
        let lengths: Vec<usize> = self.texts.iter().map(Encoded::len).collect();
        self.steps.pin_longest(&lengths);
    }

    fn evaluate(&self) -> limbeck_training::Result<Option<DevScore>> {
        self.judge.dev_score(self.classifier)
    }
}
