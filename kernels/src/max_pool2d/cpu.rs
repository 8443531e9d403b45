//! The fast version: all channels of a pixel at once; tasks take runs of rows.

use limbeck_engine::{Backward, Forward, chunked_pair};

use super::{MaxPool2d, Sizes};
use crate::shared::reduce::{for_row_blocks, rows_per_task};
use crate::shared::vectorised;

pub(super) fn forward(operator: &MaxPool2d, sizes: Sizes, io: &mut Forward<'_, f32>) {
    let (x, y, winners, channels) = (io.real(0), io.output(0), io.save_ids(0), sizes.channels);
    let rows = rows_per_task(channels);
    let work = y.len() * operator.window.taps();
    chunked_pair((y, winners), rows * channels, work, |task, y, winners| {
        let both = y
            .chunks_exact_mut(channels)
            .zip(winners.chunks_exact_mut(channels));
        for (row, (y, winners)) in (task * rows..).zip(both) {
            largest(operator, sizes, x, row, y, winners);
        }
    });
}

vectorised! {
    /// The largest values in a window, and the first rows that have them.
    fn largest(
        operator: &MaxPool2d, sizes: Sizes, x: &[f32], row: usize, y: &mut [f32],
        winners: &mut [u32],
    ) {
        let (pictures, channels) = (operator.pictures, sizes.channels);
        let [picture, oy, ox] = sizes.results.place(row);
        let (lines, top) = operator.window.inside(0, oy, pictures.height);
        let (columns, left) = operator.window.inside(1, ox, pictures.width);
        let corner = (picture * pictures.height + top) * pictures.width + left;
        y.copy_from_slice(&x[corner * channels..][..channels]);
        winners.fill(corner as u32);
        for line in 0..lines.len() {
            let first = corner + line * pictures.width;
            let run = &x[first * channels..][..columns.len() * channels];
            for (r, x) in (first as u32..).zip(run.chunks_exact(channels)) {
                for ((y, winner), &x) in y.iter_mut().zip(winners.iter_mut()).zip(x) {
                    // Without branches, so that the loop vectorises.
                    let larger = (x > *y) | (x.is_nan() & !y.is_nan());
                    *y = if larger { x } else { *y };
                    *winner = if larger { r } else { *winner };
                }
            }
        }
    }
}

pub(super) fn backward(operator: &MaxPool2d, sizes: Sizes, io: &mut Backward<'_, f32>) {
    let (winners, dy) = (io.saved_ids(0), io.upstream());
    if let Some((dx, accumulate)) = io.gradient_slot(0) {
        for_row_blocks(dx, sizes.channels, |first, block| {
            if !accumulate {
                block.fill(0.0);
            }
            add_won(operator, sizes, winners, dy, first, block);
        });
    }
}

vectorised! {
    /// To the rows of dx from `first` on what they won.
    fn add_won(
        operator: &MaxPool2d, sizes: Sizes, winners: &[u32], dy: &[f32], first: usize,
        dx: &mut [f32],
    ) {
        let Sizes { results, channels } = sizes;
        for (row, dx) in (first..).zip(dx.chunks_exact_mut(channels)) {
            let [picture, y, x] = operator.pictures.place(row);
            for oy in operator.window.over(0, y, results.height) {
                for ox in operator.window.over(1, x, results.width) {
                    let window = (picture * results.height + oy) * results.width + ox;
                    let at = window * channels..(window + 1) * channels;
                    let both = winners[at.clone()].iter().zip(&dy[at]);
                    for (dx, (&winner, &dy)) in dx.iter_mut().zip(both) {
                        *dx += if winner == row as u32 { dy } else { 0.0 };
                    }
                }
            }
        }
    }
}
