//! The definition, in f64.

use limbeck_engine::{Backward, Forward};

use super::X;
use super::matrix::Csr;

pub(super) fn forward(matrix: &Csr, io: &mut Forward<'_, f64>) {
    let columns = io.metas()[X].shape.columns();
    let (x, y) = (io.real(X), io.output(0));
    y.fill(0.0);
    for (row, column, weight) in entries(matrix) {
        for c in 0..columns {
            y[row * columns + c] += weight * x[column * columns + c];
        }
    }
}

pub(super) fn backward(matrix: &Csr, io: &mut Backward<'_, f64>) {
    let columns = io.metas()[X].shape.columns();
    let dy = io.upstream();
    let Some(dx) = io.gradient(X) else {
        return;
    };
    for (row, column, weight) in entries(matrix) {
        for c in 0..columns {
            dx[column * columns + c] += weight * dy[row * columns + c];
        }
    }
}

/// Row, column and weight of every entry.
fn entries(matrix: &Csr) -> impl Iterator<Item = (usize, usize, f64)> {
    (0..matrix.offsets.len() - 1).flat_map(move |row| {
        let entries = matrix.offsets[row] as usize..matrix.offsets[row + 1] as usize;
        entries.map(move |e| {
            (
                row,
                matrix.indices[e] as usize,
                f64::from(matrix.weights[e]),
            )
        })
    })
}
