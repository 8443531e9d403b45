//! The fast version: one vectorised pass over both matrices each way.

use limbeck_engine::{Backward, Forward, chunked};

use super::{JensenShannon, KEPT};
use crate::shared::log_softmax::Shift;
use crate::shared::reduce::{rows_per_task, sum_of};
use crate::shared::{math, vectorised};

/// The smallest mean of probabilities whose logarithm is taken.
const TINY: f32 = 1e-37;

pub(super) fn forward(operator: &JensenShannon, io: &mut Forward<'_, f32>) {
    let classes = io.metas()[0].shape.columns();
    let (a, b, kept) = (io.real(0), io.real(1), io.save(0));
    let t = operator.temperatures;
    let inverse = t.inverse();
    let rows = rows_per_task(2 * classes);
    chunked(kept, KEPT * rows, 2 * a.len(), |task, kept| {
        let start = task * rows * classes;
        let range = start..start + kept.len() / KEPT * classes;
        evaluate(kept, &a[range.clone()], &b[range], classes, inverse);
    });
    for (loss, kept) in io.output(0).iter_mut().zip(kept.chunks_exact(KEPT)) {
        *loss = t.factor * (kept[4] + kept[5]);
    }
}

pub(super) fn backward(operator: &JensenShannon, io: &mut Backward<'_, f32>) {
    let classes = io.metas()[0].shape.columns();
    let (a, b, kept, dloss) = (io.real(0), io.real(1), io.saved(0), io.upstream());
    let t = operator.temperatures;
    let inverse = t.inverse();
    let rows = rows_per_task(2 * classes);
    for side in [0, 1] {
        let Some(into) = io.gradient(side) else {
            continue;
        };
        let factor = t.factor * inverse[side];
        chunked(into, rows * classes, 2 * a.len(), |task, into| {
            let first = task * rows;
            let range = first * classes..first * classes + into.len();
            let (a, b) = (&a[range.clone()], &b[range]);
            let (kept, dloss) = (&kept[KEPT * first..], &dloss[first..]);
            add(into, a, b, kept, dloss, classes, inverse, factor, side);
        });
    }
}

/// ln(p / m) / 2 from ln p and ln q.
#[inline(always)]
fn half_log_ratio(ln_p: f32, ln_q: f32) -> f32 {
    let m = 0.5 * (math::exp(ln_p) + math::exp(ln_q));
    if m < TINY {
        0.0
    } else {
        0.5 * (ln_p - math::ln(m))
    }
}

vectorised! {
    fn evaluate(kept: &mut [f32], a: &[f32], b: &[f32], classes: usize, inverse: [f32; 2]) {
        let rows = a.chunks_exact(classes).zip(b.chunks_exact(classes));
        for (kept, (a, b)) in kept.chunks_exact_mut(KEPT).zip(rows) {
            let (p, q) = (Shift::of(a, inverse[0]), Shift::of(b, inverse[1]));
            let of_p = sum_of((a, b), |(a, b)| {
                let (ln_p, ln_q) = (p.ln_p(a, inverse[0]), q.ln_p(b, inverse[1]));
                math::exp(ln_p) * half_log_ratio(ln_p, ln_q)
            });
            let of_q = sum_of((a, b), |(a, b)| {
                let (ln_p, ln_q) = (p.ln_p(a, inverse[0]), q.ln_p(b, inverse[1]));
                math::exp(ln_q) * half_log_ratio(ln_q, ln_p)
            });
            kept.copy_from_slice(&[p.largest, p.ln_sum, q.largest, q.ln_sum, of_p, of_q]);
        }
    }
}

vectorised! {
    fn add(
        into: &mut [f32], a: &[f32], b: &[f32], kept: &[f32], dloss: &[f32], classes: usize,
        inverse: [f32; 2], factor: f32, side: usize,
    ) {
        let rows = a.chunks_exact(classes).zip(b.chunks_exact(classes));
        let numbers = kept.chunks_exact(KEPT).zip(dloss);
        for ((into, (a, b)), (kept, &dloss)) in into.chunks_exact_mut(classes).zip(rows).zip(numbers) {
            let p = Shift { largest: kept[0], ln_sum: kept[1] };
            let q = Shift { largest: kept[2], ln_sum: kept[3] };
            let (mean, scale) = (kept[4 + side], dloss * factor);
            for ((into, &a), &b) in into.iter_mut().zip(a).zip(b) {
                let logs = [p.ln_p(a, inverse[0]), q.ln_p(b, inverse[1])];
                let (own, other) = (logs[side], logs[1 - side]);
                *into += scale * (math::exp(own) * (half_log_ratio(own, other) - mean));
            }
        }
    }
}
