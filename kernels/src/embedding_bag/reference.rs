//! The definition, in f64.

use limbeck_engine::{Backward, Forward};

use super::{INDICES, OFFSETS, TABLE, WEIGHTS};

pub(super) fn forward(io: &mut Forward<'_, f64>) {
    let columns = io.metas()[TABLE].shape.columns();
    let (table, weights, y) = (io.real(TABLE), io.real(WEIGHTS), io.output(0));
    let (offsets, indices) = (io.ids(OFFSETS), io.ids(INDICES));
    y.fill(0.0);
    for b in 0..offsets.len() - 1 {
        for e in offsets[b] as usize..offsets[b + 1] as usize {
            for c in 0..columns {
                y[b * columns + c] += weights[e] * table[indices[e] as usize * columns + c];
            }
        }
    }
}

pub(super) fn backward(io: &mut Backward<'_, f64>) {
    let columns = io.metas()[TABLE].shape.columns();
    let (weights, dy) = (io.real(WEIGHTS), io.upstream());
    let (offsets, indices) = (io.ids(OFFSETS), io.ids(INDICES));
    let Some(dtable) = io.gradient(TABLE) else {
        return;
    };
    for b in 0..offsets.len() - 1 {
        for e in offsets[b] as usize..offsets[b + 1] as usize {
            for c in 0..columns {
                dtable[indices[e] as usize * columns + c] += weights[e] * dy[b * columns + c];
            }
        }
    }
}
