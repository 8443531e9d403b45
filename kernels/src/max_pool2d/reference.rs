//! The definition, in f64.

use limbeck_engine::{Backward, Forward};

use super::{MaxPool2d, Sizes};

/// The rows of x that a window sees, in order.
fn seen(operator: &MaxPool2d, sizes: Sizes, row: usize) -> Vec<usize> {
    let (pictures, window, results) = (operator.pictures, operator.window, sizes.results);
    let picture = row / results.pixels();
    let [oy, ox] = [row / results.width % results.height, row % results.width];
    let mut rows = Vec::new();
    for y in 0..pictures.height {
        for x in 0..pictures.width {
            let inside = |axis: usize, result: usize, pixel: usize| {
                let first = result * window.stride[axis];
                let place = pixel + window.padding[axis];
                place >= first && place < first + window.size[axis]
            };
            if inside(0, oy, y) && inside(1, ox, x) {
                rows.push((picture * pictures.height + y) * pictures.width + x);
            }
        }
    }
    rows
}

pub(super) fn forward(operator: &MaxPool2d, sizes: Sizes, io: &mut Forward<'_, f64>) {
    let (x, y, winners, channels) = (io.real(0), io.output(0), io.save_ids(0), sizes.channels);
    for row in 0..sizes.results.rows() {
        let rows = seen(operator, sizes, row);
        for c in 0..channels {
            let mut winner = rows[0];
            for &r in &rows {
                let (best, value) = (x[winner * channels + c], x[r * channels + c]);
                if value > best || value.is_nan() && !best.is_nan() {
                    winner = r;
                }
            }
            winners[row * channels + c] = winner as u32;
            y[row * channels + c] = x[winner * channels + c];
        }
    }
}

pub(super) fn backward(sizes: Sizes, io: &mut Backward<'_, f64>) {
    let (winners, dy, channels) = (io.saved_ids(0), io.upstream(), sizes.channels);
    if let Some(dx) = io.gradient(0) {
        for (i, (&winner, dy)) in winners.iter().zip(dy).enumerate() {
            dx[winner as usize * channels + i % channels] += dy;
        }
    }
}
