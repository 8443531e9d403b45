//! Samples of any kind as one model reads them, and what a model says of them.

use limbeck_engine::{Device, Result, Tape, Tensor};
use limbeck_losses::{NO_TRUTH, Units};
use limbeck_models::{Batch, Classifier, Encoded};

use crate::text::logits_of;

/// What a unit is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitForm {
    /// A row of scores: a pixel, a field of a text, a recording.
    Rows,
    /// A segment of frames, which write its label (CTC).
    Segments,
}

/// Samples and the truth of their units.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UnitSamples {
    /// The samples.
    pub inputs: Vec<Encoded>,
    /// A label per unit of each; [`NO_TRUTH`] where there is none.
    pub labels: Vec<Vec<u32>>,
}

impl UnitSamples {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.inputs.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.inputs.is_empty()
    }

    /// Those with these numbers, in this order.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        UnitSamples {
            inputs: rows.iter().map(|&row| self.inputs[row].clone()).collect(),
            labels: rows.iter().map(|&row| self.labels[row].clone()).collect(),
        }
    }

    /// What a model says of them: rows of scores for each.
    ///
    /// # Errors
    /// If the device failed.
    pub fn scores(&self, model: &dyn Classifier) -> Result<Vec<Vec<f32>>> {
        match self.is_empty() {
            true => Ok(Vec::new()),
            false => logits_of(model, &self.inputs.iter().collect::<Vec<_>>()),
        }
    }
}

/// The units of a batch, in the form that its loss needs.
///
/// # Errors
/// If the batch has no segments where they are asked for, or the device failed.
pub(super) fn units_of<'a>(
    tape: &Tape,
    form: UnitForm,
    labels: &'a [u32],
    batch: &'a Batch,
) -> Result<Units<'a>> {
    match form {
        UnitForm::Rows => Units::of_rows(tape, labels),
        UnitForm::Segments => Units::of_segments(tape, labels, &batch.frames()?.segments),
    }
}

/// Rows of scores on a device; none for units without a teacher's answer.
pub(super) fn rows_of(device: &Device, scores: &[f32], classes: usize) -> Result<Tensor> {
    device.real(scores, [scores.len() / classes.max(1), classes])
}

/// Number of units with truth.
pub(super) fn known(labels: &[u32]) -> usize {
    labels.iter().filter(|&&label| label != NO_TRUTH).count()
}
