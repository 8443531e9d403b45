//! The definition, in f64.

use limbeck_engine::{Backward, Forward};

use crate::shared::sequences::Sizes;

pub(super) fn forward(sizes: Sizes, mean: bool, io: &mut Forward<'_, f64>) {
    let Sizes {
        sequences, columns, ..
    } = sizes;
    let (x, offsets, y) = (io.real(0), io.ids(1), io.output(0));
    for s in 0..sequences {
        for c in 0..columns {
            let mut sum = 0.0;
            for r in offsets[s]..offsets[s + 1] {
                sum += x[r as usize * columns + c];
            }
            let rows = f64::from(offsets[s + 1] - offsets[s]);
            y[s * columns + c] = if mean { sum / rows } else { sum };
        }
    }
}

pub(super) fn backward(sizes: Sizes, mean: bool, io: &mut Backward<'_, f64>) {
    let Sizes {
        sequences, columns, ..
    } = sizes;
    let (offsets, dy) = (io.ids(1), io.upstream());
    if let Some(dx) = io.gradient(0) {
        for s in 0..sequences {
            let rows = f64::from(offsets[s + 1] - offsets[s]);
            let divisor = if mean { rows } else { 1.0 };
            for r in offsets[s]..offsets[s + 1] {
                for c in 0..columns {
                    dx[r as usize * columns + c] += dy[s * columns + c] / divisor;
                }
            }
        }
    }
}
