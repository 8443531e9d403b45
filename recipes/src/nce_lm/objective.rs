//! The loss of one part.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use limbeck_data::language::TokenSource;
use limbeck_engine::{ParameterStore, Tape, TimeMajor, Var};
use limbeck_kernels::{
    Candidates, Labels, Normaliser, cross_entropy, nce, sampled_softmax, weighted_mean,
};
use limbeck_losses::Term;
use limbeck_models::language::{LanguageModel, State, StateVars, Tables};
use limbeck_training::stage::{DevScore, Objective};

use super::evaluate::perplexity;
use super::noise::NoiseLaw;
use super::options::{Criterion, Groups, NceLmOptions, TargetInGroup, group_of};
use super::text::{Piece, TrainingText};

/// Steps whose states are kept: as many as a GPU may be behind, for a step that must be run again.
const STATES: usize = 20;

/// The objective of a language model that is trained in parts.
pub struct NceLm<'a> {
    model: &'a mut LanguageModel,
    text: TrainingText,
    law: &'a NoiseLaw,
    options: &'a NceLmOptions,
    dev: &'a dyn TokenSource,
    seed: u64,
    /// The states that the last steps began with, by step.
    states: Mutex<VecDeque<(u64, State)>>,
}

/// A stretch of a part that is read at once.
struct Segment {
    /// Words that are read, in the order of `steps`.
    inputs: Vec<u32>,
    /// Words that are predicted; none in front of the part.
    targets: Vec<u32>,
    steps: TimeMajor,
}

impl<'a> NceLm<'a> {
    /// Trains `model` on `text`, judged by `dev`.
    pub fn new(
        model: &'a mut LanguageModel,
        text: TrainingText,
        law: &'a NoiseLaw,
        options: &'a NceLmOptions,
        dev: &'a dyn TokenSource,
        seed: u64,
    ) -> Self {
        NceLm {
            model,
            text,
            law,
            options,
            dev,
            seed,
            states: Mutex::default(),
        }
    }

    /// The state that an update begins with.
    fn state(&self, step: u64, piece: &Piece) -> limbeck_engine::Result<State> {
        if piece.from_zeros {
            return self.model.initial_state(piece.inputs.len());
        }
        let states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let known = states.iter().find(|(at, _)| *at == step);
        match known {
            Some((_, state)) => Ok(state.clone()),
            None => Err(limbeck_engine::Error::Mismatch(format!(
                "update {step} goes on from one that was not made: updates of a recurrent model \
                 come in order"
            ))),
        }
    }

    fn keep(&self, step: u64, state: State) {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        states.retain(|(at, _)| *at != step);
        if states.len() == STATES {
            states.pop_front();
        }
        states.push_back((step, state));
    }

    /// The words of the group that a part uses.
    fn noise(&self, piece: &Piece) -> Vec<u32> {
        let groups = match self.options.groups {
            Groups::Fresh => piece.parts,
            Groups::Grouped => self.options.group_count.min(piece.parts),
            Groups::Shared => 1,
        };
        let group = group_of(piece.part, piece.parts, groups, self.options.assignment);
        let size = self.options.noise_size;
        self.law.draw(self.seed, piece.sentence, group as u32, size)
    }

    /// The stretches of a part: what the part before has read already, the part itself, and its end
    /// from where the next part will begin, apart where it needs to be.
    fn segments(&self, piece: &Piece) -> limbeck_engine::Result<Vec<Segment>> {
        let lengths: Vec<usize> = piece.targets.iter().map(Vec::len).collect();
        let middle: Vec<usize> = lengths.iter().map(|length| length - piece.ahead).collect();
        let ends = |length: usize| vec![length; lengths.len()];
        let stretches = [ends(piece.overlap), middle, ends(piece.ahead)];
        let device = self.model.parameters().device();
        let mut read = vec![0; lengths.len()];
        let mut segments = Vec::new();
        for (number, lengths) in stretches.iter().enumerate() {
            let longest = lengths[0];
            let present = lengths.iter().filter(|&&length| length > 0).count();
            if present > 0 {
                let predicted = number > 0;
                segments.push(Segment {
                    inputs: side_by_side(&piece.inputs, &read, lengths),
                    targets: match predicted {
                        true => {
                            let from: Vec<_> = read.iter().map(|r| r - piece.overlap).collect();
                            side_by_side(&piece.targets, &from, lengths)
                        }
                        false => Vec::new(),
                    },
                    steps: TimeMajor::new(device, &lengths[..present], 0, read[0] as u32)?,
                });
            }
            debug_assert!(
                longest >= lengths[lengths.len() - 1],
                "the longest comes first"
            );
            read.iter_mut().zip(lengths).for_each(|(r, l)| *r += l);
        }
        Ok(segments)
    }

    /// The sum of the losses of a segment's positions.
    fn loss(
        &self,
        tape: &Tape,
        tables: &Tables,
        hidden: &Var,
        targets: &[u32],
        noise: &[u32],
    ) -> limbeck_engine::Result<Var> {
        let criterion = self.options.criterion;
        let losses = if criterion == Criterion::Softmax {
            let words = self.model.config().vocabulary_size;
            let labels = Labels::new(tape.device(), targets, words)?;
            let logits = self.model.logits(tape, tables, hidden)?;
            cross_entropy(tape, &logits, &labels, None)?
        } else {
            let words = [targets, noise].concat();
            let (target, noise) = self.model.scores(tape, tables, hidden, &words)?;
            let candidates = self.candidates(tape, &words, targets.len())?;
            match criterion {
                Criterion::SampledSoftmax => sampled_softmax(tape, (&target, &noise), &candidates)?,
                Criterion::Nce => {
                    let ln_z = self.model.ln_z(tape)?;
                    nce(tape, (&target, &noise), &candidates, &ln_z)?
                }
                _ => {
                    let zero = tape.constant(tape.device().zeros([1])?);
                    nce(tape, (&target, &noise), &candidates, &zero)?
                }
            }
        };
        weighted_mean(tape, &losses, None, Normaliser::Count(1.0))
    }

    /// So many targets, then noise words, and what is taken from their scores.
    fn candidates(
        &self,
        tape: &Tape,
        words: &[u32],
        targets: usize,
    ) -> limbeck_engine::Result<Candidates> {
        let ln_k = (self.options.noise_size as f32).ln();
        let mut offsets: Vec<f32> = match self.options.criterion {
            Criterion::NegativeSampling => vec![0.0; words.len()],
            _ => words.iter().map(|&w| ln_k + self.law.ln_q(w)).collect(),
        };
        let mask = self.options.target_in_group == TargetInGroup::Mask;
        if mask && self.options.criterion == Criterion::SampledSoftmax {
            // A target whose samples are left out is none itself: it is there in any case.
            offsets[..targets].fill(0.0);
        }
        Candidates::new(tape.device(), words, &offsets, mask)
    }

    /// Reads a part; its loss, and the state that the next part begins with.
    fn read(
        &self,
        tape: &Tape,
        piece: &Piece,
        state: &State,
    ) -> limbeck_engine::Result<(Var, State)> {
        let segments = self.segments(piece)?;
        let noise = match self.options.criterion {
            Criterion::Softmax => Vec::new(),
            _ => self.noise(piece),
        };
        let inputs: Vec<u32> = segments.iter().flat_map(|s| &s.inputs).copied().collect();
        let targets = segments.iter().flat_map(|s| &s.targets).copied();
        let scored: Vec<u32> = targets.chain(noise.iter().copied()).collect();
        let tables = self.model.tables(tape, &inputs, &scored)?;
        let mut state: StateVars = state.constants(tape);
        let mut losses = Vec::new();
        let mut carried = None;
        for (number, segment) in segments.iter().enumerate() {
            let Segment {
                inputs,
                targets,
                steps,
            } = segment;
            if piece.ahead > 0 && number + 1 == segments.len() {
                carried = Some(state.value());
            }
            let (hidden, after) = self.model.read(tape, &tables, inputs, steps, &state)?;
            state = after;
            if !targets.is_empty() {
                losses.push(self.loss(tape, &tables, &hidden, targets, &noise)?);
            }
        }
        let mean = 1.0 / piece.positions() as f32;
        let terms: Vec<(&Var, f32)> = losses.iter().map(|loss| (loss, mean)).collect();
        let loss = limbeck_kernels::weighted_sum(tape, &terms)?;
        Ok((loss, carried.unwrap_or_else(|| state.value())))
    }
}

/// From each list `lengths` words from place `from` on, in the order of steps: the first of every
/// list, then the second.
fn side_by_side(lists: &[Vec<u32>], from: &[usize], lengths: &[usize]) -> Vec<u32> {
    let longest = lengths.iter().copied().max().unwrap_or(0);
    let step = |at: usize| {
        let present = lists.iter().zip(from).zip(lengths);
        present
            .filter(move |(_, length)| at < **length)
            .map(move |((list, from), _)| list[from + at])
    };
    (0..longest).flat_map(step).collect()
}

/// The name of the loss in logs.
fn name_of(criterion: Criterion) -> &'static str {
    match criterion {
        Criterion::Nce => "nce",
        Criterion::NegativeSampling => "negative_sampling",
        Criterion::SampledSoftmax => "sampled_softmax",
        Criterion::Softmax => "cross_entropy",
    }
}

impl Objective for NceLm<'_> {
    fn stores(&self) -> Vec<&ParameterStore> {
        vec![self.model.parameters()]
    }

    fn stores_mut(&mut self) -> Vec<&mut ParameterStore> {
        vec![self.model.parameters_mut()]
    }

    fn terms(&self, tape: &Tape, step: u64) -> limbeck_training::Result<Vec<Term>> {
        let piece = self.text.piece(step).map_err(crate::Error::into_training)?;
        let state = self.state(step, &piece)?;
        let (loss, after) = self.read(tape, &piece, &state)?;
        if !piece.from_zeros {
            self.keep(step, state);
        }
        self.keep(step + 1, after);
        Ok(vec![Term::new(name_of(self.options.criterion), loss, 1.0)])
    }

    fn samples(&self, step: u64) -> Vec<u64> {
        vec![self.text.extent(step).0]
    }

    fn tokens(&self, step: u64) -> u64 {
        self.text.extent(step).1
    }

    fn steps_per_epoch(&self) -> u64 {
        self.text.steps_per_epoch()
    }

    fn evaluate(&self) -> limbeck_training::Result<Option<DevScore>> {
        let judged = perplexity(self.model, self.dev).map_err(crate::Error::into_training)?;
        Ok(Some(DevScore {
            metric: -judged.perplexity(),
            loss: judged.mean_loss(),
            figures: vec![
                ("loss", judged.mean_loss()),
                ("perplexity", judged.perplexity()),
                ("unnormalised_perplexity", judged.unnormalised_perplexity()),
                ("mean_log_z", judged.mean_log_z()),
                ("sd_log_z", judged.sd_log_z()),
            ],
        }))
    }

    fn carried(&self) -> limbeck_training::Result<Vec<Vec<f32>>> {
        let states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((_, state)) = states.back() else {
            return Ok(Vec::new());
        };
        let tensors: Vec<_> = state.tensors().collect();
        Ok(self.model.parameters().device().read_many(&tensors)?)
    }

    fn restore_carried(
        &mut self,
        step: u64,
        carried: Vec<Vec<f32>>,
    ) -> limbeck_training::Result<()> {
        let piece = self.text.piece(step).map_err(crate::Error::into_training)?;
        if piece.from_zeros {
            return Ok(());
        }
        let zeros = self.model.initial_state(piece.inputs.len())?;
        self.keep(step, zeros.with(&carried)?);
        Ok(())
    }
}
