//! The definition, in f64.

use limbeck_engine::{Backward, Forward};

use super::{Interpolation, Sizes, Upsample2d};

/// The pixels of a line of `extent` that pixel `at` of the enlarged one is made of, with weights. With
/// nearest it is one: a second of weight 0 would carry over what is not finite.
fn weights(operator: &Upsample2d, at: usize, extent: usize) -> Vec<(usize, f64)> {
    let factor = operator.factor as f64;
    match operator.interpolation {
        Interpolation::Nearest => vec![(at / operator.factor, 1.0)],
        Interpolation::Bilinear => {
            let u = ((at as f64 + 0.5) / factor - 0.5).max(0.0);
            let lambda = u - u.floor();
            let first = u.floor() as usize;
            vec![(first, 1.0 - lambda), ((first + 1).min(extent - 1), lambda)]
        }
    }
}

/// Calls `body(row of y, row of x, weight)` for every term of the sums.
fn for_every_term(operator: &Upsample2d, sizes: Sizes, mut body: impl FnMut(usize, usize, f64)) {
    let (pictures, results) = (operator.pictures, sizes.results);
    for row in 0..results.rows() {
        let picture = row / results.pixels();
        let [oy, ox] = [row / results.width % results.height, row % results.width];
        for (y, vertical) in weights(operator, oy, pictures.height) {
            for (x, horizontal) in weights(operator, ox, pictures.width) {
                let from = (picture * pictures.height + y) * pictures.width + x;
                body(row, from, vertical * horizontal);
            }
        }
    }
}

pub(super) fn forward(operator: &Upsample2d, sizes: Sizes, io: &mut Forward<'_, f64>) {
    let (x, y, channels) = (io.real(0), io.output(0), sizes.channels);
    y.fill(0.0);
    for_every_term(operator, sizes, |row, from, weight| {
        for c in 0..channels {
            y[row * channels + c] += weight * x[from * channels + c];
        }
    });
}

pub(super) fn backward(operator: &Upsample2d, sizes: Sizes, io: &mut Backward<'_, f64>) {
    let (dy, channels) = (io.upstream(), sizes.channels);
    if let Some(dx) = io.gradient(0) {
        for_every_term(operator, sizes, |row, from, weight| {
            for c in 0..channels {
                dx[from * channels + c] += weight * dy[row * channels + c];
            }
        });
    }
}
