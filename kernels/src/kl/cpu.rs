//! The fast version: one vectorised pass over both matrices each way.

use limbeck_engine::{Backward, Forward, chunked};

use super::{Divergence, KEPT};
use crate::shared::log_softmax::Shift;
use crate::shared::reduce::{rows_per_task, sum_of};
use crate::shared::{math, vectorised};

/// What the row functions need of the operator.
#[derive(Clone, Copy)]
struct Options {
    classes: usize,
    entropy: bool,
    inverse_p: f32,
    inverse_q: f32,
}

impl Options {
    fn of(operator: &Divergence, classes: usize) -> Self {
        let [inverse_p, inverse_q] = operator.temperatures.inverse();
        Options {
            classes,
            entropy: operator.entropy,
            inverse_p,
            inverse_q,
        }
    }

    /// L from both logarithms.
    #[inline(always)]
    fn term(self, ln_p: f32, ln_q: f32) -> f32 {
        if self.entropy { ln_p - ln_q } else { -ln_q }
    }
}

/// What the forward pass keeps of a row.
#[derive(Clone, Copy)]
struct Kept {
    p: Shift,
    q: Shift,
    value: f32,
}

impl Kept {
    #[inline(always)]
    fn read(words: &[f32]) -> Self {
        Kept {
            p: Shift {
                largest: words[0],
                ln_sum: words[1],
            },
            q: Shift {
                largest: words[2],
                ln_sum: words[3],
            },
            value: words[4],
        }
    }

    #[inline(always)]
    fn words(self) -> [f32; KEPT] {
        let Kept { p, q, value } = self;
        [p.largest, p.ln_sum, q.largest, q.ln_sum, value]
    }
}

pub(super) fn forward(operator: &Divergence, io: &mut Forward<'_, f32>) {
    let options = Options::of(operator, io.metas()[0].shape.columns());
    let (a, b, kept) = (io.real(0), io.real(1), io.save(0));
    let rows = rows_per_task(2 * options.classes);
    chunked(kept, KEPT * rows, 2 * a.len(), |task, kept| {
        let start = task * rows * options.classes;
        let range = start..start + kept.len() / KEPT * options.classes;
        evaluate(kept, &a[range.clone()], &b[range], options);
    });
    for (loss, kept) in io.output(0).iter_mut().zip(kept.chunks_exact(KEPT)) {
        *loss = operator.temperatures.factor * Kept::read(kept).value;
    }
}

pub(super) fn backward(operator: &Divergence, io: &mut Backward<'_, f32>) {
    let options = Options::of(operator, io.metas()[0].shape.columns());
    let (a, b, kept, dloss) = (io.real(0), io.real(1), io.saved(0), io.upstream());
    let rows = rows_per_task(2 * options.classes);
    let each_block = |into: &mut [f32], add: RowsFunction, factor: f32| {
        chunked(into, rows * options.classes, 2 * a.len(), |task, into| {
            let first = task * rows;
            let range = first * options.classes..first * options.classes + into.len();
            let (a, b) = (&a[range.clone()], &b[range]);
            add(
                into,
                a,
                b,
                &kept[KEPT * first..],
                &dloss[first..],
                factor,
                options,
            );
        });
    };
    let factor = operator.temperatures.factor;
    if let Some(da) = io.gradient(0) {
        each_block(da, add_to_p, factor * options.inverse_p);
    }
    if let Some(db) = io.gradient(1) {
        each_block(db, add_to_q, factor * options.inverse_q);
    }
}

/// Adds the gradient of one side: (into, a, b, kept, incoming gradient, factor, options).
type RowsFunction = fn(&mut [f32], &[f32], &[f32], &[f32], &[f32], f32, Options);

vectorised! {
    fn evaluate(kept: &mut [f32], a: &[f32], b: &[f32], options: Options) {
        let Options { classes, inverse_p, inverse_q, .. } = options;
        let rows = a.chunks_exact(classes).zip(b.chunks_exact(classes));
        for (kept, (a, b)) in kept.chunks_exact_mut(KEPT).zip(rows) {
            let (p, q) = (Shift::of(a, inverse_p), Shift::of(b, inverse_q));
            let value = sum_of((a, b), |(a, b)| {
                let ln_p = p.ln_p(a, inverse_p);
                math::exp(ln_p) * options.term(ln_p, q.ln_p(b, inverse_q))
            });
            kept.copy_from_slice(&Kept { p, q, value }.words());
        }
    }
}

vectorised! {
    fn add_to_p(
        da: &mut [f32], a: &[f32], b: &[f32], kept: &[f32], dloss: &[f32], factor: f32,
        options: Options,
    ) {
        let Options { classes, inverse_p, inverse_q, .. } = options;
        let rows = a.chunks_exact(classes).zip(b.chunks_exact(classes));
        let numbers = kept.chunks_exact(KEPT).zip(dloss);
        for ((da, (a, b)), (kept, &dloss)) in da.chunks_exact_mut(classes).zip(rows).zip(numbers) {
            let Kept { p, q, value } = Kept::read(kept);
            let scale = dloss * factor;
            for ((da, &a), &b) in da.iter_mut().zip(a).zip(b) {
                let ln_p = p.ln_p(a, inverse_p);
                let term = options.term(ln_p, q.ln_p(b, inverse_q));
                *da += scale * (math::exp(ln_p) * (term - value));
            }
        }
    }
}

vectorised! {
    fn add_to_q(
        db: &mut [f32], a: &[f32], b: &[f32], kept: &[f32], dloss: &[f32], factor: f32,
        options: Options,
    ) {
        let Options { classes, inverse_p, inverse_q, .. } = options;
        let rows = a.chunks_exact(classes).zip(b.chunks_exact(classes));
        let numbers = kept.chunks_exact(KEPT).zip(dloss);
        for ((db, (a, b)), (kept, &dloss)) in db.chunks_exact_mut(classes).zip(rows).zip(numbers) {
            let Kept { p, q, .. } = Kept::read(kept);
            let scale = dloss * factor;
            for ((db, &a), &b) in db.iter_mut().zip(a).zip(b) {
                let (p, q) = (p.ln_p(a, inverse_p), q.ln_p(b, inverse_q));
                *db += scale * (math::exp(q) - math::exp(p));
            }
        }
    }
}
