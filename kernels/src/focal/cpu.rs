//! The fast version: one vectorised pass over the logits each way.

use limbeck_engine::{Backward, Forward, chunked, chunked_pair};

use super::{Focal, LOGITS, Truth};
use crate::cross_entropy::cpu::{add_gradient, shift_of, shifts_of_rows};
use crate::shared::log_softmax::Shift;
use crate::shared::reduce::{rows_per_task, sum_of};
use crate::shared::{math, vectorised};

pub(super) fn forward(operator: &Focal, io: &mut Forward<'_, f32>) {
    let classes = io.metas()[LOGITS].shape.columns();
    let (z, shifts, slopes) = (io.real(LOGITS), io.save(0), io.save(1));
    let (loss, gamma) = (io.output(0), operator.gamma);
    shifts_of_rows(classes, z, shifts);
    match operator.truth(|i| io.real(i), |i| io.ids(i)) {
        Truth::Labels { labels, weights } => {
            let results = loss.iter_mut().zip(slopes);
            for (i, ((loss, slope), &label)) in results.zip(labels).enumerate() {
                let label = label as usize;
                let weight = weights.map_or(1.0, |w| w[label]);
                let ln_p = shift_of(shifts, i).ln_p(z[i * classes + label], 1.0);
                let (scale, f) = focus(ln_p, gamma);
                *loss = -weight * (scale * ln_p);
                *slope = weight * f;
            }
        }
        Truth::Targets(q) => {
            let rows = rows_per_task(2 * classes);
            chunked_pair((loss, slopes), rows, 2 * z.len(), |task, loss, slopes| {
                for (i, (loss, slope)) in (task * rows..).zip(loss.iter_mut().zip(slopes)) {
                    let at = i * classes..(i + 1) * classes;
                    (*loss, *slope) = soft_row(&z[at.clone()], &q[at], shift_of(shifts, i), gamma);
                }
            });
        }
    }
}

pub(super) fn backward(operator: &Focal, io: &mut Backward<'_, f32>) {
    let Some((dz, accumulate)) = io.gradient_slot(LOGITS) else {
        return;
    };
    let classes = io.metas()[LOGITS].shape.columns();
    let (z, shifts, slopes, dloss) = (io.real(LOGITS), io.saved(0), io.saved(1), io.upstream());
    match operator.truth(|i| io.real(i), |i| io.ids(i)) {
        Truth::Labels { labels, .. } => {
            let scale = |i: usize| dloss[i] * slopes[i];
            add_gradient((dz, accumulate), classes, z, (labels, shifts), scale);
        }
        Truth::Targets(q) => {
            let rows = rows_per_task(2 * classes);
            chunked(dz, rows * classes, 2 * z.len(), |task, block| {
                for (i, dz) in (task * rows..).zip(block.chunks_exact_mut(classes)) {
                    if !accumulate {
                        dz.fill(0.0);
                    }
                    let at = i * classes..(i + 1) * classes;
                    let (z, q, shift) = (&z[at.clone()], &q[at], shift_of(shifts, i));
                    add_soft_row(dz, z, q, shift, slopes[i], dloss[i], operator.gamma);
                }
            });
        }
    }
}

/// 1 - p and -ln p / (1 - p), from u = ln p. Near p = 1 a difference would lose the digits that
/// the quotient needs: there the series of (exp(u) - 1) / u gives both.
#[inline(always)]
fn rest_and_ratio(u: f32) -> (f32, f32) {
    let mut series = 1.0;
    // At u = -1/2 the next term is 2^-9 / 10!, below the rounding of one.
    for n in [9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0] {
        series = 1.0 + u / n * series;
    }
    let rest = 1.0 - math::exp(u);
    if u > -0.5 {
        (-u * series, 1.0 / series)
    } else {
        (rest, -u / rest)
    }
}

/// (1 - p)^γ and F of the formula, from ln p.
#[inline(always)]
fn focus(ln_p: f32, gamma: f32) -> (f32, f32) {
    let (rest, ratio) = rest_and_ratio(ln_p);
    // 0 times the logarithm of 0 would not be a number.
    let scale = if gamma == 0.0 {
        1.0
    } else {
        math::exp(gamma * math::ln(rest))
    };
    (scale, scale * (1.0 + gamma * (math::exp(ln_p) * ratio)))
}

vectorised! {
    /// The loss of a row, and T = Σ q F.
    fn soft_row(z: &[f32], q: &[f32], shift: Shift, gamma: f32) -> (f32, f32) {
        let loss = sum_of((z, q), |(z, q)| {
            let ln_p = shift.ln_p(z, 1.0);
            -q * (focus(ln_p, gamma).0 * ln_p)
        });
        let slope = sum_of((z, q), |(z, q)| q * focus(shift.ln_p(z, 1.0), gamma).1);
        (loss, slope)
    }
}

vectorised! {
    /// `dz_k += g (p_k T - q_k F_k)`.
    fn add_soft_row(
        dz: &mut [f32], z: &[f32], q: &[f32], shift: Shift, slope: f32, g: f32, gamma: f32,
    ) {
        for ((dz, &z), &q) in dz.iter_mut().zip(z).zip(q) {
            let ln_p = shift.ln_p(z, 1.0);
            *dz += g * (math::exp(ln_p) * slope - q * focus(ln_p, gamma).1);
        }
    }
}
