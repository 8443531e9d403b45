//! The definition, in f64.

use limbeck_engine::{Backward, Forward};

use crate::shared::sequences::Sizes;

pub(super) fn forward(sizes: Sizes, io: &mut Forward<'_, f64>) {
    let Sizes {
        sequences, columns, ..
    } = sizes;
    let (x, offsets, y) = (io.real(0), io.ids(1), io.output(0));
    for s in 0..sequences {
        for c in 0..columns {
            y[s * columns + c] = x[offsets[s] as usize * columns + c];
        }
    }
}

pub(super) fn backward(sizes: Sizes, io: &mut Backward<'_, f64>) {
    let Sizes {
        sequences, columns, ..
    } = sizes;
    let (offsets, dy) = (io.ids(1), io.upstream());
    if let Some(dx) = io.gradient(0) {
        for s in 0..sequences {
            for c in 0..columns {
                dx[offsets[s] as usize * columns + c] += dy[s * columns + c];
            }
        }
    }
}
