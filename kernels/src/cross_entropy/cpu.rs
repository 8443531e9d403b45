//! The fast version: one vectorised pass over the logits each way.

use limbeck_engine::{Backward, chunked};

use super::CrossEntropy;
use crate::shared::log_softmax::Shift;
use crate::shared::reduce::rows_per_task;
use crate::shared::{math, vectorised};

fn weight(weights: Option<&[f32]>, label: u32) -> f32 {
    weights.map_or(1.0, |w| w[label as usize])
}

pub(super) fn forward(
    classes: usize,
    z: &[f32],
    labels: &[u32],
    weights: Option<&[f32]>,
    shifts: &mut [f32],
    loss: &mut [f32],
) {
    shifts_of_rows(classes, z, shifts);
    for (i, (loss, &label)) in loss.iter_mut().zip(labels).enumerate() {
        let ln_p = shift_of(shifts, i).ln_p(z[i * classes + label as usize], 1.0);
        *loss = -weight(weights, label) * ln_p;
    }
}

pub(super) fn backward(operator: &CrossEntropy, classes: usize, io: &mut Backward<'_, f32>) {
    let Some((dz, accumulate)) = io.gradient_slot(0) else {
        return;
    };
    let (z, labels, shifts, dloss) = (io.real(0), io.ids(1), io.saved(0), io.upstream());
    let weights = operator.weighted.then(|| io.real(2));
    let scale = |i: usize| dloss[i] * weight(weights, labels[i]);
    add_gradient((dz, accumulate), classes, z, (labels, shifts), scale);
}

/// The two numbers from which a row's ln p follow, for each row of logits.
pub(crate) fn shifts_of_rows(classes: usize, z: &[f32], shifts: &mut [f32]) {
    let rows = rows_per_task(classes);
    chunked(shifts, 2 * rows, z.len(), |task, shifts| {
        let start = task * rows * classes;
        find_shifts(
            shifts,
            &z[start..start + shifts.len() / 2 * classes],
            classes,
        );
    });
}

/// `dz_ic = (dz_ic +) s_i (p_c - 1[c = label])`, s by the number of the row.
pub(crate) fn add_gradient(
    (dz, accumulate): (&mut [f32], bool),
    classes: usize,
    z: &[f32],
    (labels, shifts): (&[u32], &[f32]),
    scale: impl Fn(usize) -> f32 + Sync + Send,
) {
    let rows = rows_per_task(classes);
    chunked(dz, rows * classes, z.len(), |task, block| {
        for (i, dz) in (task * rows..).zip(block.chunks_exact_mut(classes)) {
            let (scale, shift) = (scale(i), shift_of(shifts, i));
            let z = &z[i * classes..(i + 1) * classes];
            if !accumulate {
                dz.fill(0.0);
            }
            add_probabilities(dz, z, shift.largest, shift.ln_sum, scale);
            dz[labels[i] as usize] -= scale;
        }
    });
}

/// What [`shifts_of_rows`] found of a row.
#[inline(always)]
pub(crate) fn shift_of(shifts: &[f32], row: usize) -> Shift {
    Shift {
        largest: shifts[2 * row],
        ln_sum: shifts[2 * row + 1],
    }
}

vectorised! {
    fn find_shifts(shifts: &mut [f32], z: &[f32], classes: usize) {
        for (into, row) in shifts.chunks_exact_mut(2).zip(z.chunks_exact(classes)) {
            let shift = Shift::of(row, 1.0);
            into.copy_from_slice(&[shift.largest, shift.ln_sum]);
        }
    }
}

vectorised! {
    /// `dz += scale p`.
    pub(crate) fn add_probabilities(dz: &mut [f32], z: &[f32], largest: f32, ln_sum: f32, scale: f32) {
        let shift = Shift { largest, ln_sum };
        for (dz, &z) in dz.iter_mut().zip(z) {
            *dz += scale * math::exp(shift.ln_p(z, 1.0));
        }
    }
}
