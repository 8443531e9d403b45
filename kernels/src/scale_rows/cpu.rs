//! The fast version: rows in parallel.

use limbeck_engine::{Backward, Forward, chunked};

use super::{S, X};
use crate::shared::reduce::{dot, for_row_blocks, rows_per_task};
use crate::shared::vectorised;

pub(super) fn forward(columns: usize, io: &mut Forward<'_, f32>) {
    scale(io.real(X), io.real(S), (io.output(0), columns), false);
}

pub(super) fn backward(columns: usize, io: &mut Backward<'_, f32>) {
    let (x, s, dy) = (io.real(X), io.real(S), io.upstream());
    if let Some((dx, accumulate)) = io.gradient_slot(X) {
        scale(dy, s, (dx, columns), accumulate);
    }
    if let Some((ds, accumulate)) = io.gradient_slot(S) {
        let per_task = rows_per_task(columns);
        chunked(ds, per_task, x.len(), |task, ds| {
            let range = task * per_task * columns..(task * per_task + ds.len()) * columns;
            inner_products(&x[range.clone()], &dy[range], ds, accumulate);
        });
    }
}

/// `into = s x` row by row, or `into += s x`.
fn scale(x: &[f32], s: &[f32], (into, columns): (&mut [f32], usize), accumulate: bool) {
    if columns == 0 {
        return;
    }
    for_row_blocks(into, columns, |first, block| {
        let rows = block.len() / columns;
        let x = &x[first * columns..][..block.len()];
        scale_block(x, &s[first..first + rows], block, accumulate);
    });
}

vectorised! {
    fn scale_block(x: &[f32], s: &[f32], into: &mut [f32], accumulate: bool) {
        let columns = into.len() / s.len();
        for ((y, x), s) in into.chunks_exact_mut(columns).zip(x.chunks_exact(columns)).zip(s) {
            for (y, x) in y.iter_mut().zip(x) {
                *y = if accumulate { *y + s * x } else { s * x };
            }
        }
    }
}

vectorised! {
    fn inner_products(x: &[f32], dy: &[f32], ds: &mut [f32], accumulate: bool) {
        let columns = x.len() / ds.len();
        for (r, ds) in ds.iter_mut().enumerate() {
            let row = r * columns..(r + 1) * columns;
            let product = dot(&x[row.clone()], &dy[row]);
            *ds = if accumulate { *ds + product } else { product };
        }
    }
}
