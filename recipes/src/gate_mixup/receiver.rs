//! What the one that learns makes of a message: the terms of its loss.

use limbeck_engine::{Result, Tape, Var};
use limbeck_losses::{Term, transfer_kl, transfer_kl_of_probabilities, transfer_mse};

use super::adapter::Adapter;
use super::message::Message;
use super::objective::Side;
use super::options::{GateMixupOptions, Granularity};

/// Names of the terms in logs, by receiver.
struct Names {
    labels: &'static str,
    class_kl: &'static str,
    rep_mse: &'static str,
    rep_kl: &'static str,
    open_share: &'static str,
    score: &'static str,
    micro_f1: &'static str,
    single_error: &'static str,
}

const STUDENT: Names = Names {
    labels: "student_ce",
    class_kl: "student_class_kl",
    rep_mse: "student_rep_mse",
    rep_kl: "student_rep_kl",
    open_share: "student_open_share",
    score: "student_gate_score",
    micro_f1: "student_gate_micro_f1",
    single_error: "student_closed_by_one",
};

const TEACHER: Names = Names {
    labels: "teacher_ce",
    class_kl: "teacher_class_kl",
    rep_mse: "teacher_rep_mse",
    rep_kl: "teacher_rep_kl",
    open_share: "teacher_open_share",
    score: "teacher_gate_score",
    micro_f1: "teacher_gate_micro_f1",
    single_error: "teacher_closed_by_one",
};

/// The side that learns in an update.
pub(super) struct Receiver<'a> {
    names: &'static Names,
    options: &'a GateMixupOptions,
    adapter: Option<&'a Adapter>,
}

impl<'a> Receiver<'a> {
    pub(super) fn new(
        side: Side,
        options: &'a GateMixupOptions,
        adapter: Option<&'a Adapter>,
    ) -> Self {
        let names = match side {
            Side::Student => &STUDENT,
            Side::Teacher => &TEACHER,
        };
        Receiver {
            names,
            options,
            adapter,
        }
    }

    /// The term of the labels.
    pub(super) fn labels(&self, value: Var) -> Term {
        Term::new(self.names.labels, value, (1.0 - self.options.alpha) as f32)
    }

    /// The terms of a message, and what the gate made of it, which counts nothing in the loss.
    pub(super) fn messages(
        &self,
        tape: &Tape,
        message: &Message,
        (representation, logits): (&Var, &Var),
        terms: &mut Vec<Term>,
    ) -> Result<()> {
        let (options, names) = (self.options, self.names);
        let constant = |tensor: &limbeck_engine::Tensor| tape.constant(tensor.clone());
        let weights = message.weights.as_ref().map(constant);
        let (weights, temperature) = (weights.as_ref(), options.temperature as f32);
        let weight = |of_kind: f64| (options.alpha * of_kind) as f32;
        if let Some(scores) = message
            .logits
            .as_ref()
            .filter(|_| options.weights.class_kl > 0.0)
        {
            let value = match &message.log_targets {
                None => transfer_kl(tape, &constant(scores), logits, temperature, weights),
                Some(targets) => {
                    let targets = constant(targets);
                    transfer_kl_of_probabilities(tape, &targets, logits, temperature, weights)
                }
            }?;
            terms.push(Term::new(
                names.class_kl,
                value,
                weight(options.weights.class_kl),
            ));
        }
        if options.compares_vectors() {
            let sent = constant(&message.representation);
            if options.weights.rep_kl > 0.0 {
                let value = transfer_kl(tape, &sent, representation, temperature, weights)?;
                terms.push(Term::new(
                    names.rep_kl,
                    value,
                    weight(options.weights.rep_kl),
                ));
            }
            if options.weights.rep_mse > 0.0 {
                let sent = match self.adapter {
                    Some(adapter) => adapter.apply(tape, &sent)?,
                    None => sent,
                };
                let value = transfer_mse(tape, &sent, representation, weights)?;
                terms.push(Term::new(
                    names.rep_mse,
                    value,
                    weight(options.weights.rep_mse),
                ));
            }
        }
        self.gate(tape, message, terms)
    }

    fn gate(&self, tape: &Tape, message: &Message, terms: &mut Vec<Term>) -> Result<()> {
        let texts = message.verdicts.open.len().max(1) as f64;
        let scores = &message.verdicts.scores;
        let score = scores.iter().sum::<f64>() / scores.len().max(1) as f64;
        let mut figures = vec![
            (self.names.open_share, 1.0 - message.closed() as f64 / texts),
            (self.names.score, score),
        ];
        if self.options.gate == Granularity::Batch {
            // With one label a text micro-F1 is accuracy.
            figures.push((self.names.micro_f1, 1.0 - message.errors as f64 / texts));
            // With many classes one error is enough to close a batch.
            let by_one = message.errors == 1 && message.closed() > 0;
            figures.push((self.names.single_error, f64::from(u8::from(by_one))));
        }
        for (name, figure) in figures {
            let value = tape.constant(tape.device().real(&[figure as f32], [1])?);
            terms.push(Term::new(name, value, 0.0));
        }
        Ok(())
    }
}
