//! The fast version where every input channel is a group of its own: sums over a few taps, all
//! channels of a pixel at once.

use limbeck_engine::chunked;

use super::layout::Cut;
use super::{Conv2d, Sizes};
use crate::shared::pictures::Pictures;
use crate::shared::reduce::for_row_blocks;
use crate::shared::vectorised;

/// z of all rows.
pub(super) fn forward(
    operator: &Conv2d,
    sizes: Sizes,
    [x, w]: [&[f32]; 2],
    bias: Option<&[f32]>,
    z: &mut [f32],
) {
    for_row_blocks(z, sizes.outputs, |first, block| {
        add_taps(operator, sizes, x, w, bias, first, block);
    });
}

/// dx, added or not.
pub(super) fn input_gradient(
    operator: &Conv2d,
    sizes: Sizes,
    [dz, w]: [&[f32]; 2],
    dx: &mut [f32],
    accumulate: bool,
) {
    for_row_blocks(dx, sizes.inputs, |first, block| {
        if !accumulate {
            block.fill(0.0);
        }
        add_results(operator, sizes, dz, w, first, block);
    });
}

/// dW over each part of the rows.
pub(super) fn weight_parts(
    operator: &Conv2d,
    sizes: Sizes,
    [x, dz]: [&[f32]; 2],
    parts: &mut [f32],
) {
    let (cut, rows) = (Cut::on_cpu(operator, sizes), sizes.results.rows());
    let weights = operator.weights(sizes);
    chunked(parts, weights, rows * weights, |part, into| {
        into.fill(0.0);
        let first = (part * cut.depth).min(rows);
        let end = (first + cut.depth).min(rows);
        add_products(operator, sizes, x, dz, first, end, into);
    });
}

/// Calls `body(tap, row of x)` for every tap of a result that meets a pixel.
#[inline(always)]
fn for_taps(operator: &Conv2d, results: Pictures, row: usize, mut body: impl FnMut(usize, usize)) {
    let (pictures, window) = (operator.pictures, operator.options.window);
    let [picture, oy, ox] = results.place(row);
    let (ky, top) = window.inside(0, oy, pictures.height);
    let (kx, left) = window.inside(1, ox, pictures.width);
    for (y, ky) in (top..).zip(ky) {
        let line = (picture * pictures.height + y) * pictures.width;
        for (x, kx) in (left..).zip(kx.clone()) {
            body(ky * window.size[1] + kx, line + x);
        }
    }
}

vectorised! {
    /// The rows of z from `first` on.
    fn add_taps(
        operator: &Conv2d, sizes: Sizes, x: &[f32], w: &[f32], bias: Option<&[f32]>, first: usize,
        z: &mut [f32],
    ) {
        let Sizes { inputs, outputs, .. } = sizes;
        for (row, z) in (first..).zip(z.chunks_exact_mut(outputs)) {
            match bias {
                Some(bias) => z.copy_from_slice(bias),
                None => z.fill(0.0),
            }
            for_taps(operator, sizes.results, row, |tap, from| {
                let (x, w) = (&x[from * inputs..][..inputs], &w[tap * outputs..][..outputs]);
                if inputs == outputs {
                    for ((z, x), w) in z.iter_mut().zip(x).zip(w) {
                        *z += x * w;
                    }
                } else {
                    let each = outputs / inputs;
                    let runs = z.chunks_exact_mut(each).zip(w.chunks_exact(each));
                    for ((z, w), x) in runs.zip(x) {
                        z.iter_mut().zip(w).for_each(|(z, w)| *z += x * w);
                    }
                }
            });
        }
    }
}

vectorised! {
    /// To the rows of dx from `first` on.
    fn add_results(
        operator: &Conv2d, sizes: Sizes, dz: &[f32], w: &[f32], first: usize, dx: &mut [f32],
    ) {
        let Sizes { results, inputs, outputs } = sizes;
        let window = operator.options.window;
        let each = outputs / inputs;
        for (row, dx) in (first..).zip(dx.chunks_exact_mut(inputs)) {
            let [picture, y, x] = operator.pictures.place(row);
            for oy in window.over(0, y, results.height) {
                let ky = y + window.padding[0] - oy * window.stride[0];
                for ox in window.over(1, x, results.width) {
                    let kx = x + window.padding[1] - ox * window.stride[1];
                    let from = (picture * results.height + oy) * results.width + ox;
                    let dz = &dz[from * outputs..][..outputs];
                    let w = &w[(ky * window.size[1] + kx) * outputs..][..outputs];
                    if each == 1 {
                        for ((dx, dz), w) in dx.iter_mut().zip(dz).zip(w) {
                            *dx += dz * w;
                        }
                    } else {
                        let runs = dz.chunks_exact(each).zip(w.chunks_exact(each));
                        for (dx, (dz, w)) in dx.iter_mut().zip(runs) {
                            *dx += dz.iter().zip(w).map(|(dz, w)| dz * w).sum::<f32>();
                        }
                    }
                }
            }
        }
    }
}

vectorised! {
    /// dW over the rows from `first` to `end`.
    fn add_products(
        operator: &Conv2d, sizes: Sizes, x: &[f32], dz: &[f32], first: usize, end: usize,
        dw: &mut [f32],
    ) {
        let Sizes { inputs, outputs, .. } = sizes;
        let each = outputs / inputs;
        for row in first..end {
            let dz = &dz[row * outputs..][..outputs];
            for_taps(operator, sizes.results, row, |tap, from| {
                let x = &x[from * inputs..][..inputs];
                let dw = &mut dw[tap * outputs..][..outputs];
                if each == 1 {
                    for ((dw, x), dz) in dw.iter_mut().zip(x).zip(dz) {
                        *dw += x * dz;
                    }
                } else {
                    let runs = dw.chunks_exact_mut(each).zip(dz.chunks_exact(each));
                    for ((dw, dz), x) in runs.zip(x) {
                        dw.iter_mut().zip(dz).for_each(|(dw, dz)| *dw += x * dz);
                    }
                }
            });
        }
    }
}
