//! The fast version: the largest value in one vectorised pass, then where it first stands.

use limbeck_engine::{Forward, chunked};

use crate::shared::reduce::{max, rows_per_task};
use crate::shared::vectorised;

pub(super) fn forward(io: &mut Forward<'_, f32>) {
    let (x, y) = (io.real(0), io.output_ids(0));
    let columns = io.metas()[0].shape.columns();
    let rows = rows_per_task(columns);
    chunked(y, rows, x.len(), |task, y| {
        find(y, &x[task * rows * columns..], columns);
    });
}

vectorised! {
    fn find(y: &mut [u32], x: &[f32], columns: usize) {
        for (y, row) in y.iter_mut().zip(x.chunks_exact(columns)) {
            let largest = max(row);
            let first = if largest.is_nan() {
                row.iter().position(|x| x.is_nan())
            } else {
                row.iter().position(|&x| x == largest)
            };
            *y = first.expect("the largest of a row stands in it") as u32;
        }
    }
}
