//! What a sender says of a batch: its vectors, as they are or augmented, and what its own classifier
//! makes of them.

use limbeck_engine::{Result, Tape, Tensor, Var};
use limbeck_models::Classifier;

use super::augment::{Draws, joined, mixed};
use super::gate::{Memory, Verdicts, judge};
use super::options::{GateMixupOptions, OnClosed};
use crate::supervised::Labelled;
use crate::text::{argmax, softmax};

/// A message, a row for each text of the batch.
#[derive(Clone, Debug)]
pub struct Message {
    /// Ř `[texts, width]`.
    pub representation: Tensor,
    /// c(Ř) `[texts, classes]`: class scores of the sender's own classifier, if they are sent.
    pub logits: Option<Tensor>,
    /// In place of the scores: logarithms of target probabilities `[texts, classes]`.
    pub log_targets: Option<Tensor>,
    /// Weight of each text's message; none if all count 1.
    pub weights: Option<Tensor>,
    /// What the gate said.
    pub verdicts: Verdicts,
    /// Texts of the batch that the scores decide wrongly.
    pub errors: usize,
}

impl Message {
    /// Texts that found the gate closed.
    pub fn closed(&self) -> usize {
        self.verdicts.open.iter().filter(|open| !**open).count()
    }
}

/// A model that sends, in evaluation mode.
pub struct Sender<'a> {
    /// The model.
    pub model: &'a dyn Classifier,
    /// Class scores by models that have not seen the texts; the gate goes by them.
    pub unseen: Option<&'a [Vec<f32>]>,
    /// What is done.
    pub options: &'a GateMixupOptions,
    /// The run's seed.
    pub seed: u64,
}

impl Sender<'_> {
    /// The message of some texts of a set, in update `step`.
    ///
    /// # Errors
    /// If the model has no vector for a text, or the device failed.
    pub fn send(
        &self,
        (set, rows): (&Labelled, &[usize]),
        step: u64,
        memory: &mut Memory,
    ) -> Result<Message> {
        let (texts, labels) = set.rows(rows);
        let device = self.model.device();
        let tape = Tape::inference(device);
        let batch = self.model.batch(&texts, 0)?;
        let representation = self.model.represent(&tape, &batch)?;
        let classes_are_sent = self.options.weights.class_kl > 0.0;
        let own = match self.unseen.is_none() || classes_are_sent {
            true => Some(self.model.classify(&tape, &batch, &representation)?),
            false => None,
        };
        let own = own.as_ref().map(Var::tensor);
        if device.is_shapes() {
            return self.rehearsed(representation.tensor(), own);
        }
        let scored = self.scored(rows, own)?;
        let scored: Vec<&[f32]> = scored.iter().map(Vec::as_slice).collect();
        let verdicts = judge(self.options, &scored, &labels, (step, memory));
        let wrong = |(logits, label): (&&[f32], &u32)| argmax(logits) != *label as usize;
        let errors = scored
            .iter()
            .zip(&labels)
            .filter(|pair| wrong(*pair))
            .count();
        let as_it_is = self.options.on_closed == OnClosed::Skip || !verdicts.open.contains(&false);
        let (representation, logits) = if as_it_is {
            (representation.tensor().clone(), own.cloned())
        } else {
            let shape = representation.shape();
            let read = representation.tensor().read()?;
            let messages: Vec<&[f32]> = read.chunks(shape.columns()).collect();
            let sent = self.augmented(&messages, (rows, &labels), &verdicts.open, step);
            let sent = device.real(&sent.concat(), shape)?;
            let logits = match classes_are_sent {
                true => {
                    let constant = tape.constant(sent.clone());
                    let logits = self.model.classify(&tape, &batch, &constant)?;
                    Some(logits.tensor().clone())
                }
                false => None,
            };
            (sent, logits)
        };
        Ok(Message {
            log_targets: match &logits {
                Some(logits) => self.mixed_labels(logits, &labels, &verdicts.open)?,
                None => None,
            },
            weights: self.weights(device, &verdicts.open)?,
            representation,
            logits,
            verdicts,
            errors,
        })
    }

    /// The class scores that the gate goes by.
    fn scored(&self, rows: &[usize], own: Option<&Tensor>) -> Result<Vec<Vec<f32>>> {
        match (self.unseen, own) {
            (Some(unseen), _) => Ok(rows.iter().map(|&row| unseen[row].clone()).collect()),
            (None, Some(own)) => {
                let classes = own.shape().columns().max(1);
                Ok(own.read()?.chunks(classes).map(<[f32]>::to_vec).collect())
            }
            (None, None) => Ok(Vec::new()),
        }
    }

    /// A message without numbers, of a rehearsal.
    fn rehearsed(&self, representation: &Tensor, logits: Option<&Tensor>) -> Result<Message> {
        let texts = representation.shape().rows();
        let verdicts = Verdicts {
            open: vec![true; texts],
            scores: Vec::new(),
            threshold: 0.0,
        };
        Ok(Message {
            representation: representation.clone(),
            logits: logits.cloned(),
            log_targets: None,
            weights: self.weights(representation.device(), &verdicts.open)?,
            verdicts,
            errors: 0,
        })
    }

    /// The messages that enter the loss: unchanged through an open gate.
    fn augmented(
        &self,
        messages: &[&[f32]],
        (rows, labels): (&[usize], &[u32]),
        open: &[bool],
        step: u64,
    ) -> Vec<Vec<f32>> {
        let (options, draws) = (self.options, Draws::new(self.seed, step));
        let closed = |i: usize| {
            let (message, text) = (messages[i], rows[i] as u32);
            let other = match options.on_closed {
                // The next text of the class; alone in its class, a text is mixed with itself.
                OnClosed::CrossMix => {
                    let others = (1..=labels.len()).map(|k| (i + k) % labels.len());
                    let same = others.into_iter().find(|&j| labels[j] == labels[i]);
                    messages[same.unwrap_or(i)].to_vec()
                }
                _ => draws.dropped(message, options.dropout, text),
            };
            let augmented = mixed(message, &other, draws.lambda(options, text));
            joined(message, &augmented, options.residual)
        };
        (0..messages.len())
            .map(|i| match open[i] || options.on_closed == OnClosed::Skip {
                true => messages[i].to_vec(),
                false => closed(i),
            })
            .collect()
    }

    fn weights(&self, device: &limbeck_engine::Device, open: &[bool]) -> Result<Option<Tensor>> {
        let closed = match self.options.on_closed {
            OnClosed::AugmentWeighted => self.options.closed_weight as f32,
            OnClosed::Skip => 0.0,
            _ => return Ok(None),
        };
        let weights: Vec<f32> = open
            .iter()
            .map(|&open| if open { 1.0 } else { closed })
            .collect();
        device.real(&weights, [weights.len()]).map(Some)
    }

    /// `ln (μ one-hot(y) + (1 - μ) softmax(c(Ř) / τ))` where the gate is closed, with `label_mix`.
    fn mixed_labels(
        &self,
        logits: &Tensor,
        labels: &[u32],
        open: &[bool],
    ) -> Result<Option<Tensor>> {
        if self.options.on_closed != OnClosed::LabelMix {
            return Ok(None);
        }
        let (share, temperature) = (self.options.label_share, self.options.temperature as f32);
        let values = logits.read()?;
        let mut targets = Vec::with_capacity(values.len());
        let rows = values.chunks(logits.shape().columns());
        for ((row, &label), &open) in rows.zip(labels).zip(open) {
            let scaled: Vec<f32> = row.iter().map(|z| z / temperature).collect();
            let share = if open { 0.0 } else { share };
            for (class, p) in softmax(&scaled).into_iter().enumerate() {
                let truth = f64::from(u8::from(class == label as usize));
                // No logarithm of 0.
                targets.push((share * truth + (1.0 - share) * p).max(1e-30).ln() as f32);
            }
        }
        logits.device().real(&targets, logits.shape()).map(Some)
    }
}
