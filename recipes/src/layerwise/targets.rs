//! What the frozen teacher says of fixed texts: computed once, kept on the host, uploaded by row.

use std::collections::HashMap;

use limbeck_engine::{Device, Error, Result, Tape, Tensor, Var};
use limbeck_models::{Classifier, Encoded, TextPooling};

use super::correspondence::Level;
use super::principal::{Moments, Principal};

/// One matrix of the teacher's outputs, a row per text.
#[derive(Clone, Debug, Default, PartialEq)]
struct Rows {
    width: usize,
    values: Vec<f32>,
}

impl Rows {
    fn upload(&self, device: &Device, rows: &[usize]) -> Result<Tensor> {
        let mut values = Vec::with_capacity(rows.len() * self.width);
        for &row in rows {
            values.extend_from_slice(&self.values[row * self.width..(row + 1) * self.width]);
        }
        device.real(&values, [rows.len(), self.width])
    }

    /// Gives every row the values of the row it equals.
    fn repeat(&mut self, same: &[usize]) {
        for (row, &first) in same.iter().enumerate() {
            let from = first * self.width..(first + 1) * self.width;
            if first != row && from.end <= self.values.len() {
                self.values.copy_within(from, row * self.width);
            }
        }
    }
}

/// For each text the first text with the same tokens.
fn first_equals(texts: &[&Encoded]) -> Vec<usize> {
    let mut first: HashMap<&[u32], usize> = HashMap::new();
    let mut same = Vec::with_capacity(texts.len());
    for (row, &text) in texts.iter().enumerate() {
        same.push(match text {
            Encoded::Tokens(tokens) => *first.entry(tokens.ids()).or_insert(row),
            _ => row,
        });
    }
    same
}

/// Where the teacher's levels come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LevelSource {
    /// Nowhere: they are not kept.
    Nothing,
    /// Its head, which projects them already (none for heads without levels).
    Head,
    /// The pooled states of these layers, counted from 1; 0 is the embedding.
    Layers(Vec<usize>, TextPooling),
}

/// The teacher's outputs on a list of texts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Targets {
    logits: Rows,
    levels: Vec<Rows>,
    /// Which texts the teacher knows; none where it knows all.
    covered: Option<Vec<bool>>,
}

impl Targets {
    /// Runs the teacher, in evaluation mode, over texts.
    ///
    /// # Errors
    /// If the device failed.
    pub fn compute(
        teacher: &dyn Classifier,
        texts: &[&Encoded],
        source: &LevelSource,
    ) -> Result<Self> {
        const TOGETHER: usize = 64;
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|&row| texts[row].len());
        // Texts stand here as often as they have other wordings: the teacher reads each once.
        let same = first_equals(texts);
        order.retain(|&row| same[row] == row);
        if teacher.device().is_shapes() {
            // The last texts are the longest, and there are no numbers to wait for.
            order.drain(..order.len().saturating_sub(TOGETHER));
        }
        let mut targets = Targets::default();
        for rows in order.chunks(TOGETHER) {
            let batch: Vec<&Encoded> = rows.iter().map(|&row| texts[row]).collect();
            let tape = Tape::inference(teacher.device());
            let batch = teacher.batch(&batch, 0)?;
            let output = teacher.forward_with_states(&tape, &batch)?;
            let levels = match source {
                LevelSource::Nothing => Vec::new(),
                LevelSource::Head => output.levels,
                LevelSource::Layers(layers, pooling) => {
                    let texts = &batch.tokens()?.packed;
                    let pooled = |state| pooling.apply(&tape, state, texts);
                    let states = states_of(&output.states, layers)?;
                    states.into_iter().map(pooled).collect::<Result<_>>()?
                }
            };
            targets.levels.resize_with(levels.len(), Rows::default);
            scatter(&mut targets.logits, texts.len(), rows, &output.logits)?;
            for (level, var) in targets.levels.iter_mut().zip(&levels) {
                scatter(level, texts.len(), rows, var)?;
            }
        }
        for rows in std::iter::once(&mut targets.logits).chain(&mut targets.levels) {
            rows.repeat(&same);
        }
        Ok(targets)
    }

    /// Logits alone, a row per text.
    pub fn of_logits(logits: &[Vec<f32>]) -> Self {
        let width = logits.first().map_or(0, Vec::len);
        Targets {
            logits: Rows {
                width,
                values: logits.concat(),
            },
            levels: Vec::new(),
            covered: None,
        }
    }

    /// Logits alone, a row per text that has one.
    pub(super) fn of_scores(scores: &[Option<&[f32]>], classes: usize) -> Self {
        let mut values = Vec::with_capacity(scores.len() * classes);
        for row in scores {
            values.extend(row.map_or_else(|| vec![0.0; classes], <[f32]>::to_vec));
        }
        let all = scores.iter().all(Option::is_some);
        Targets {
            logits: Rows {
                width: classes,
                values,
            },
            levels: Vec::new(),
            covered: (!all).then(|| scores.iter().map(Option::is_some).collect()),
        }
    }

    /// Whether the teacher has said something of every text.
    pub(super) fn are_complete(&self) -> bool {
        self.covered.is_none()
    }

    /// The places, among these rows, of texts that the teacher knows; none if it knows them all.
    pub(super) fn covered(&self, rows: &[usize]) -> Option<Vec<usize>> {
        let covered = self.covered.as_ref()?;
        let places: Vec<usize> = (0..rows.len()).filter(|&at| covered[rows[at]]).collect();
        (places.len() < rows.len()).then_some(places)
    }

    /// The same levels with other logits.
    #[must_use]
    pub fn with_logits(mut self, logits: &[Vec<f32>]) -> Self {
        self.logits = Targets::of_logits(logits).logits;
        self
    }

    /// Replaces the levels of both by their first principal components over all texts, as many as
    /// the student's level is wide.
    pub(super) fn reduce(labelled: &mut Targets, pairs: &mut Targets, levels: &[Level]) {
        let both = labelled.levels.iter_mut().zip(&mut pairs.levels);
        for ((first, second), level) in both.zip(levels) {
            let size = level.width;
            let mut moments = Moments::new(first.width);
            moments.add(&first.values);
            moments.add(&second.values);
            let principal = Principal::of(&moments, size);
            for rows in [first, second] {
                rows.values = principal.project(&rows.values);
                rows.width = size;
            }
        }
    }

    /// As [`Targets::reduce`], for a rehearsal: zeros of the width that it leaves.
    pub(super) fn set_widths(&mut self, levels: &[Level]) {
        for (rows, level) in self.levels.iter_mut().zip(levels) {
            let texts = rows.values.len() / rows.width.max(1);
            rows.width = level.width;
            rows.values = vec![0.0; texts * level.width];
        }
    }

    /// The logits of each text.
    pub fn logit_rows(&self) -> impl Iterator<Item = &[f32]> {
        self.logits.values.chunks(self.logits.width.max(1))
    }

    /// Whether the teacher has levels to match.
    pub fn has_levels(&self) -> bool {
        !self.levels.is_empty()
    }

    /// The logits of these texts, as constants.
    ///
    /// # Errors
    /// If the device failed.
    pub fn logits(&self, tape: &Tape, rows: &[usize]) -> Result<Var> {
        Ok(tape.constant(self.logits.upload(tape.device(), rows)?))
    }

    /// The features of these texts at every level, as constants.
    ///
    /// # Errors
    /// If the device failed.
    pub fn levels(&self, tape: &Tape, rows: &[usize]) -> Result<Vec<Var>> {
        let upload = |level: &Rows| Ok(tape.constant(level.upload(tape.device(), rows)?));
        self.levels.iter().map(upload).collect()
    }
}

/// The states of these layers.
pub(super) fn states_of<'s>(states: &'s [Var], layers: &[usize]) -> Result<Vec<&'s Var>> {
    let state = |&layer: &usize| {
        states.get(layer).ok_or_else(|| {
            Error::Mismatch(format!(
                "the teacher gives {} states, its embedding and its layers, but layer {layer} was \
                 asked for",
                states.len()
            ))
        })
    };
    layers.iter().map(state).collect()
}

/// Writes the rows of a batch to their places.
fn scatter(into: &mut Rows, texts: usize, rows: &[usize], from: &Var) -> Result<()> {
    into.width = from.shape().columns();
    into.values.resize(texts * into.width, 0.0);
    if from.tensor().device().is_shapes() {
        return Ok(());
    }
    let values = from.tensor().read()?;
    for (&row, value) in rows.iter().zip(values.chunks(into.width.max(1))) {
        into.values[row * into.width..(row + 1) * into.width].copy_from_slice(value);
    }
    Ok(())
}
