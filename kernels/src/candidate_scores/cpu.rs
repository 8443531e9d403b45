//! The fast version: products for the noise words, a row at a time for the targets.

use limbeck_engine::{Backward, Forward};

use super::{BIAS, CANDIDATES, H, Sizes};
use crate::linear::add_bias;
use crate::shared::gemm::{Matrix, gemm, gemm_then};
use crate::shared::reduce::{add_column_sums, dot, for_row_blocks};
use crate::shared::vectorised;

pub(super) fn forward(sizes: Sizes, io: &mut Forward<'_, f32>) {
    let Sizes {
        rows,
        noise,
        columns,
    } = sizes;
    let (h, e, b) = (io.real(H), io.real(CANDIDATES), io.real(BIAS));
    let (target, scores) = (io.output(0), io.output(1));
    let (own, shared) = e.split_at(rows * columns);
    for (r, target) in target.iter_mut().enumerate() {
        let at = r * columns..(r + 1) * columns;
        *target = b[r] + inner_product(&h[at.clone()], &own[at]);
    }
    let (h, shared) = (
        Matrix::rows(h, columns),
        Matrix::transposed(shared, columns),
    );
    gemm_then(
        (rows, columns, noise),
        h,
        shared,
        false,
        scores,
        |_, block| {
            add_bias(block, Some(&b[rows..]));
        },
    );
}

pub(super) fn backward(sizes: Sizes, io: &mut Backward<'_, f32>) {
    let Sizes {
        rows,
        noise,
        columns,
    } = sizes;
    let (h, e) = (io.real(H), io.real(CANDIDATES));
    let (target, scores) = (io.upstream_of(0), io.upstream_of(1));
    let (own, shared) = e.split_at(rows * columns);
    if let Some((dh, accumulate)) = io.gradient_slot(H) {
        scaled_rows(dh, columns, (own, target), accumulate);
        if let Some(scores) = scores {
            let (ds, shared) = (Matrix::rows(scores, noise), Matrix::rows(shared, columns));
            gemm((rows, noise, columns), ds, shared, true, dh);
        }
    }
    if let Some((de, accumulate)) = io.gradient_slot(CANDIDATES) {
        let (de_own, de_shared) = de.split_at_mut(rows * columns);
        scaled_rows(de_own, columns, (h, target), accumulate);
        match scores {
            Some(scores) => {
                let (ds, h) = (Matrix::transposed(scores, noise), Matrix::rows(h, columns));
                gemm((noise, rows, columns), ds, h, accumulate, de_shared);
            }
            None if accumulate => {}
            None => de_shared.fill(0.0),
        }
    }
    if let Some(db) = io.gradient(BIAS) {
        let (db_own, db_shared) = db.split_at_mut(rows);
        if let Some(target) = target {
            db_own.iter_mut().zip(target).for_each(|(db, ds)| *db += ds);
        }
        if let Some(scores) = scores {
            add_column_sums(db_shared, scores);
        }
    }
}

/// `into_r = (into_r +) factor_r rows_r`; factors that are absent are 0.
fn scaled_rows(
    into: &mut [f32],
    columns: usize,
    (rows, factors): (&[f32], Option<&[f32]>),
    accumulate: bool,
) {
    for_row_blocks(into, columns, |first, block| {
        if !accumulate {
            block.fill(0.0);
        }
        let Some(factors) = factors else { return };
        for (r, into) in (first..).zip(block.chunks_exact_mut(columns)) {
            add_scaled(into, factors[r], &rows[r * columns..(r + 1) * columns]);
        }
    });
}

vectorised! {
    fn add_scaled(into: &mut [f32], factor: f32, row: &[f32]) {
        for (into, x) in into.iter_mut().zip(row) {
            *into += factor * x;
        }
    }
}

vectorised! {
    fn inner_product(a: &[f32], b: &[f32]) -> f32 {
        dot(a, b)
    }
}
