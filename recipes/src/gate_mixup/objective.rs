//! The phases: one model teaches, the other learns, in turns.
//!
//! ```text
//! L_phase1(θ_S) = (1-α) CE(y, z_S) + α Σ KD( sg Ř^T , S )
//! L_phase2(θ_T) = (1-α) CE(y, z_T) + α Σ KD( sg Ř^S , T )
//! ```
//!
//! after deep mutual learning (Zhang et al. 2018), with updates in turn. The sender is in evaluation
//! mode and gets no gradient; what it sends is made anew for every batch.

use std::sync::{Mutex, PoisonError};

use limbeck_engine::{ParameterStore, Tape};
use limbeck_losses::{Term, hard_cross_entropy};
use limbeck_training::TrainingError;
use limbeck_training::stage::{DevScore, Objective};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::adapter::Adapter;
use super::gate::Memory;
use super::message::{Message, Sender};
use super::options::{Alternate, Direction, GateMixupOptions};
use super::receiver::Receiver;
use crate::error::Result;
use crate::steps::Steps;
use crate::supervised::Labelled;
use crate::text::{TextClassifier, judge};

/// Which of the two models: an index of everything there is two of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The student, which is delivered.
    Student,
    /// The teacher.
    Teacher,
}

impl Side {
    fn other(self) -> Self {
        match self {
            Side::Student => Side::Teacher,
            Side::Teacher => Side::Student,
        }
    }

    fn index(self) -> usize {
        self as usize
    }
}

/// A model and its texts.
pub struct Party<'a> {
    /// The model.
    pub classifier: &'a mut TextClassifier,
    /// Its encoding of the labelled texts.
    pub train: Labelled,
    /// Its encoding of dev.
    pub dev: Labelled,
    /// For each labelled text the class scores of a model of its kind that has not seen it, where
    /// the gate goes by them.
    pub unseen: Option<Vec<Vec<f32>>>,
}

/// The objective of the turns.
pub struct MutualObjective<'a> {
    parties: [Party<'a>; 2],
    /// Maps into the receiver's width, trained with it; by receiver.
    adapters: [Option<Adapter>; 2],
    options: &'a GateMixupOptions,
    steps: Steps,
    seed: u64,
    /// By sender.
    memories: Mutex<Memories>,
}

/// The memories of the two gates, and what they did.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Memories {
    gates: [Memory; 2],
    since_evaluation: Count,
    in_all: Count,
    /// The last update that is counted.
    counted: Option<u64>,
}

/// Messages, a text each, and those that found the gate closed.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Count {
    sent: u64,
    closed: u64,
}

impl Count {
    fn add(&mut self, message: &Message) {
        self.sent += message.verdicts.open.len() as u64;
        self.closed += message.closed() as u64;
    }

    fn closed_share(self) -> f64 {
        self.closed as f64 / self.sent.max(1) as f64
    }
}

impl<'a> MutualObjective<'a> {
    /// The turns of a student and a teacher, in this order.
    ///
    /// # Errors
    /// If there is no text, the batch size is 0, or vectors are compared that the models do not have.
    pub fn new(
        parties: [Party<'a>; 2],
        options: &'a GateMixupOptions,
        batch_size: usize,
        seed: u64,
    ) -> Result<Self> {
        let lengths = parties[Side::Student.index()].train.lengths();
        let steps = Steps::new(lengths, batch_size, seed, "mutual")?;
        let adapters = Adapter::both(&parties, options, seed)?;
        Ok(MutualObjective {
            parties,
            adapters,
            options,
            steps,
            seed,
            memories: Mutex::default(),
        })
    }

    /// Updates of a cycle: each model that learns reads all texts once.
    pub fn cycle(&self) -> u64 {
        match self.options.direction {
            Direction::OneWay => self.steps.per_epoch(),
            Direction::Mutual => 2 * self.steps.per_epoch(),
        }
    }

    /// The share of all messages so far that found the gate closed.
    pub fn closed_share(&self) -> f64 {
        let memories = self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        memories.in_all.closed_share()
    }

    /// Who learns in an update, and which batch of the texts is read.
    fn turn(&self, step: u64) -> (Side, u64) {
        if self.options.direction == Direction::OneWay {
            return (Side::Student, step);
        }
        let length = match self.options.alternate {
            Alternate::Epoch => self.steps.per_epoch(),
            Alternate::Batch => 1,
        };
        let (cycle, place) = (step / (2 * length), step % (2 * length));
        let side = match place < length {
            true => Side::Student,
            false => Side::Teacher,
        };
        (side, cycle * length + place % length)
    }

    /// What the sender says of a batch of texts.
    fn message(&self, sender: Side, rows: &[usize], step: u64) -> limbeck_engine::Result<Message> {
        let party = &self.parties[sender.index()];
        let mut memories = self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        let message = Sender {
            model: party.classifier.model(),
            unseen: party.unseen.as_deref(),
            options: self.options,
            seed: self.seed,
        }
        .send(
            (&party.train, rows),
            step,
            &mut memories.gates[sender.index()],
        )?;
        if memories.counted.is_none_or(|last| last < step) {
            memories.counted = Some(step);
            memories.since_evaluation.add(&message);
            memories.in_all.add(&message);
        }
        Ok(message)
    }
}

impl Objective for MutualObjective<'_> {
    fn stores(&self) -> Vec<&ParameterStore> {
        let models = self
            .parties
            .iter()
            .map(|party| party.classifier.model().parameters());
        let adapters = self.adapters.iter().flatten().map(Adapter::store);
        models.chain(adapters).collect()
    }

    fn stores_mut(&mut self) -> Vec<&mut ParameterStore> {
        let models = self
            .parties
            .iter_mut()
            .map(|party| party.classifier.model_mut().parameters_mut());
        let adapters = self.adapters.iter_mut().flatten().map(Adapter::store_mut);
        models.chain(adapters).collect()
    }

    fn trains(&self, store: usize, step: u64) -> bool {
        let receiver = self.turn(step).0.index();
        let with_adapter = [0, 1]
            .into_iter()
            .filter(|side| self.adapters[*side].is_some());
        [0, 1].into_iter().chain(with_adapter).nth(store) == Some(receiver)
    }

    fn kinds_of_steps(&self) -> Vec<u64> {
        match (self.options.direction, self.options.alternate) {
            (Direction::OneWay, _) => vec![0],
            (_, Alternate::Batch) => vec![0, 1],
            (_, Alternate::Epoch) => vec![0, self.steps.per_epoch()],
        }
    }

    fn terms(&self, tape: &Tape, step: u64) -> limbeck_training::Result<Vec<Term>> {
        let (side, batch) = self.turn(step);
        let rows = self.steps.rows(batch);
        let message = self.message(side.other(), &rows, step)?;
        let party = &self.parties[side.index()];
        let (texts, labels) = party.train.rows(&rows);
        let model = party.classifier.model();
        let inputs = model.batch(&texts, 0)?;
        let representation = model.represent(tape, &inputs)?;
        let logits = model.classify(tape, &inputs, &representation)?;
        let receiver = Receiver::new(side, self.options, self.adapters[side.index()].as_ref());
        let labels = tape.scope("labels", || hard_cross_entropy(tape, &logits, &labels))?;
        let mut terms = vec![receiver.labels(labels)];
        tape.scope("message", || {
            receiver.messages(tape, &message, (&representation, &logits), &mut terms)
        })?;
        Ok(terms)
    }

    fn samples(&self, step: u64) -> Vec<u64> {
        let rows = self.steps.rows(self.turn(step).1);
        rows.into_iter().map(|row| row as u64).collect()
    }

    fn tokens(&self, step: u64) -> u64 {
        let (side, batch) = self.turn(step);
        let texts = &self.parties[side.index()].train.texts;
        let rows = self.steps.rows(batch);
        rows.iter().map(|&row| texts[row].len() as u64).sum()
    }

    fn steps_per_epoch(&self) -> u64 {
        self.cycle()
    }

    fn read_largest_batches(&mut self) {
        let lengths = self.parties[Side::Student.index()].train.lengths();
        self.steps.pin_longest(&lengths);
    }

    fn evaluate(&self) -> limbeck_training::Result<Option<DevScore>> {
        if self.parties[0].dev.texts.is_empty() {
            return Ok(None);
        }
        let judged = |side: Side| {
            let party = &self.parties[side.index()];
            let texts: Vec<_> = party.dev.texts.iter().collect();
            judge(party.classifier.model(), &texts, &party.dev.labels)
        };
        let (student, teacher) = (judged(Side::Student)?, judged(Side::Teacher)?);
        let mut memories = self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        let open = 1.0 - std::mem::take(&mut memories.since_evaluation).closed_share();
        Ok(Some(DevScore {
            metric: student.confusion.macro_f1(),
            loss: student.loss,
            figures: vec![
                ("accuracy", student.confusion.accuracy()),
                ("macro_f1", student.confusion.macro_f1()),
                ("cross_entropy", student.loss),
                ("teacher_accuracy", teacher.confusion.accuracy()),
                ("teacher_macro_f1", teacher.confusion.macro_f1()),
                ("open_share", open),
            ],
        }))
    }

    fn state(&self) -> Value {
        let memories = self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        json!(*memories)
    }

    fn restore(&mut self, state: &Value) -> limbeck_training::Result<()> {
        let memories = serde_json::from_value(state.clone()).map_err(|error| {
            TrainingError::Configuration(format!("the checkpoint's memory of the gates: {error}"))
        })?;
        self.memories = Mutex::new(memories);
        Ok(())
    }
}
