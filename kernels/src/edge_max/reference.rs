//! The definition, in f64.

use limbeck_engine::{Backward, Forward};

use super::{NO_EDGE, WEIGHTS, columns};
use crate::shared::edges::{OFFSETS, SOURCES, X};

pub(super) fn forward(io: &mut Forward<'_, f64>) {
    let columns = columns(io.metas());
    let (x, weights, y, winners) = (io.real(X), io.real(WEIGHTS), io.output(0), io.save_ids(0));
    let (offsets, sources) = (io.ids(OFFSETS), io.ids(SOURCES));
    y.fill(0.0);
    winners.fill(NO_EDGE);
    for i in 0..offsets.len() - 1 {
        for e in offsets[i]..offsets[i + 1] {
            for c in 0..columns {
                let (best, winner) = (&mut y[i * columns + c], &mut winners[i * columns + c]);
                let j = sources[e as usize] as usize;
                let product = weights[e as usize] * x[j * columns + c];
                let first = *winner == NO_EDGE;
                if first || product > *best || product.is_nan() && !best.is_nan() {
                    (*best, *winner) = (product, e);
                }
            }
        }
    }
}

pub(super) fn backward(io: &mut Backward<'_, f64>) {
    let columns = columns(io.metas());
    let (x, weights, winners) = (io.real(X), io.real(WEIGHTS), io.saved_ids(0));
    let (sources, dy) = (io.ids(SOURCES), io.upstream());
    let (mut dx, mut dweights) = (io.gradient(X), io.gradient(WEIGHTS));
    for (at, &winner) in winners.iter().enumerate() {
        if winner == NO_EDGE {
            continue;
        }
        let e = winner as usize;
        let from = sources[e] as usize * columns + at % columns;
        if let Some(dx) = &mut dx {
            dx[from] += weights[e] * dy[at];
        }
        if let Some(dweights) = &mut dweights {
            dweights[e] += x[from] * dy[at];
        }
    }
}
