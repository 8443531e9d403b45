//! The definition, in f64.

use limbeck_engine::{Backward, Forward};

use crate::shared::sequences::Sizes;

pub(super) fn forward(sizes: Sizes, io: &mut Forward<'_, f64>) {
    let Sizes {
        sequences, columns, ..
    } = sizes;
    let (x, offsets, y, rows) = (io.real(0), io.ids(1), io.output(0), io.save_ids(0));
    for s in 0..sequences {
        for c in 0..columns {
            let mut largest = offsets[s];
            for r in offsets[s]..offsets[s + 1] {
                let best = x[largest as usize * columns + c];
                let value = x[r as usize * columns + c];
                if value > best || value.is_nan() && !best.is_nan() {
                    largest = r;
                }
            }
            rows[s * columns + c] = largest;
            y[s * columns + c] = x[largest as usize * columns + c];
        }
    }
}

pub(super) fn backward(sizes: Sizes, io: &mut Backward<'_, f64>) {
    let Sizes {
        sequences, columns, ..
    } = sizes;
    let (rows, dy) = (io.saved_ids(0), io.upstream());
    if let Some(dx) = io.gradient(0) {
        for s in 0..sequences {
            for c in 0..columns {
                dx[rows[s * columns + c] as usize * columns + c] += dy[s * columns + c];
            }
        }
    }
}
