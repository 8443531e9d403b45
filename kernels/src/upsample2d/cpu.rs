//! The fast version: all channels of a pixel at once; tasks take runs of rows.

use std::ops::Range;

use limbeck_engine::{Backward, Forward};

use super::{Interpolation, Sizes, Upsample2d};
use crate::shared::reduce::for_row_blocks;
use crate::shared::vectorised;

/// The two pixels of a line that pixel `at` of the enlarged one lies between, and the weight of the
/// second.
fn between(factor: usize, at: usize, extent: usize) -> (usize, usize, f32) {
    let place = (2 * at + 1).saturating_sub(factor);
    let first = place / (2 * factor);
    let lambda = (place % (2 * factor)) as f32 / (2 * factor) as f32;
    (first, (first + 1).min(extent - 1), lambda)
}

/// The weight of a pixel in pixel `at` of the enlarged line.
fn weight(operator: &Upsample2d, at: usize, pixel: usize, extent: usize) -> f32 {
    if operator.interpolation == Interpolation::Nearest {
        return 1.0;
    }
    let (first, second, lambda) = between(operator.factor, at, extent);
    let of_first = if first == pixel { 1.0 - lambda } else { 0.0 };
    let of_second = if second == pixel { lambda } else { 0.0 };
    of_first + of_second
}

/// The pixels of an enlarged line that see a pixel.
fn seeing(operator: &Upsample2d, pixel: usize, extent: usize) -> Range<usize> {
    let factor = operator.factor;
    match operator.interpolation {
        Interpolation::Nearest => pixel * factor..(pixel + 1) * factor,
        Interpolation::Bilinear => {
            let first = (pixel * factor).saturating_sub(factor / 2);
            first..(pixel * factor + 3 * factor / 2).min(extent * factor)
        }
    }
}

pub(super) fn forward(operator: &Upsample2d, sizes: Sizes, io: &mut Forward<'_, f32>) {
    let (x, y, channels) = (io.real(0), io.output(0), sizes.channels);
    let pictures = operator.pictures;
    for_row_blocks(y, channels, |first, block| {
        for (row, y) in (first..).zip(block.chunks_exact_mut(channels)) {
            let [picture, oy, ox] = sizes.results.place(row);
            let at = |v: usize, u: usize| {
                let from = (picture * pictures.height + v) * pictures.width + u;
                &x[from * channels..][..channels]
            };
            match operator.interpolation {
                Interpolation::Nearest => {
                    y.copy_from_slice(at(oy / operator.factor, ox / operator.factor));
                }
                Interpolation::Bilinear => {
                    let (top, bottom, down) = between(operator.factor, oy, pictures.height);
                    let (left, right, across) = between(operator.factor, ox, pictures.width);
                    let (nw, ne) = (at(top, left), at(top, right));
                    let (sw, se) = (at(bottom, left), at(bottom, right));
                    blend(y, nw, ne, sw, se, down, across);
                }
            }
        }
    });
}

vectorised! {
    /// The mean of four pixels.
    fn blend(
        y: &mut [f32], nw: &[f32], ne: &[f32], sw: &[f32], se: &[f32], down: f32, across: f32,
    ) {
        let len = y.len();
        let (nw, ne, sw, se) = (&nw[..len], &ne[..len], &sw[..len], &se[..len]);
        for c in 0..len {
            let top = (1.0 - across) * nw[c] + across * ne[c];
            let bottom = (1.0 - across) * sw[c] + across * se[c];
            y[c] = (1.0 - down) * top + down * bottom;
        }
    }
}

pub(super) fn backward(operator: &Upsample2d, sizes: Sizes, io: &mut Backward<'_, f32>) {
    let dy = io.upstream();
    if let Some((dx, accumulate)) = io.gradient_slot(0) {
        for_row_blocks(dx, sizes.channels, |first, block| {
            if !accumulate {
                block.fill(0.0);
            }
            gather(operator, sizes, dy, first, block);
        });
    }
}

vectorised! {
    /// To the rows of dx from `first` on what the results that see them received.
    fn gather(operator: &Upsample2d, sizes: Sizes, dy: &[f32], first: usize, dx: &mut [f32]) {
        let Sizes { results, channels } = sizes;
        let pictures = operator.pictures;
        for (row, dx) in (first..).zip(dx.chunks_exact_mut(channels)) {
            let [picture, y, x] = pictures.place(row);
            for oy in seeing(operator, y, pictures.height) {
                let vertical = weight(operator, oy, y, pictures.height);
                for ox in seeing(operator, x, pictures.width) {
                    let both = vertical * weight(operator, ox, x, pictures.width);
                    let from = (picture * results.height + oy) * results.width + ox;
                    for (dx, dy) in dx.iter_mut().zip(&dy[from * channels..][..channels]) {
                        *dx += both * dy;
                    }
                }
            }
        }
    }
}
