//! The definition, in f64.

use limbeck_engine::{Backward, Forward};

use super::{Conv2d, Sizes};
use crate::activation;

/// Calls `body(row of z, tap, row of x)` for every tap that meets a pixel.
fn for_every_tap(operator: &Conv2d, sizes: Sizes, mut body: impl FnMut(usize, usize, usize)) {
    let (pictures, results) = (operator.pictures, sizes.results);
    let window = operator.options.window;
    let extents = [pictures.height, pictures.width];
    let pixel = |axis: usize, result: usize, tap: usize| {
        let padded = result * window.stride[axis] + tap;
        let pixel = padded.checked_sub(window.padding[axis])?;
        (pixel < extents[axis]).then_some(pixel)
    };
    for row in 0..results.rows() {
        let picture = row / (results.height * results.width);
        let [oy, ox] = [row / results.width % results.height, row % results.width];
        for ky in 0..window.size[0] {
            for kx in 0..window.size[1] {
                if let (Some(y), Some(x)) = (pixel(0, oy, ky), pixel(1, ox, kx)) {
                    let from = (picture * pictures.height + y) * pictures.width + x;
                    body(row, ky * window.size[1] + kx, from);
                }
            }
        }
    }
}

/// Calls `body(element of x, element of W, element of z)` for every product of the sums.
fn for_every_product(operator: &Conv2d, sizes: Sizes, mut body: impl FnMut(usize, usize, usize)) {
    let groups = operator.options.groups;
    let (inputs, outputs) = (sizes.inputs / groups, sizes.outputs / groups);
    for_every_tap(operator, sizes, |row, tap, from| {
        for g in 0..groups {
            for i in 0..inputs {
                for o in 0..outputs {
                    let x = from * sizes.inputs + g * inputs + i;
                    let w = (tap * inputs + i) * sizes.outputs + g * outputs + o;
                    body(x, w, row * sizes.outputs + g * outputs + o);
                }
            }
        }
    });
}

pub(super) fn forward(operator: &Conv2d, sizes: Sizes, io: &mut Forward<'_, f64>) {
    let (x, w, y) = (io.real(0), io.real(1), io.output(0));
    y.fill(0.0);
    if operator.bias {
        let b = io.real(2);
        for (i, y) in y.iter_mut().enumerate() {
            *y = b[i % b.len()];
        }
    }
    for_every_product(operator, sizes, |i, j, o| y[o] += x[i] * w[j]);
    if let Some(f) = operator.options.activation {
        io.save(0).copy_from_slice(y);
        for y in y {
            *y = activation::value(f, *y);
        }
    }
}

pub(super) fn backward(operator: &Conv2d, sizes: Sizes, io: &mut Backward<'_, f64>) {
    let (x, w) = (io.real(0), io.real(1));
    let mut dz = io.upstream().to_vec();
    if let Some(f) = operator.options.activation {
        for (dz, &z) in dz.iter_mut().zip(io.saved(0)) {
            *dz *= activation::derivative(f, z);
        }
    }
    if let Some(dx) = io.gradient(0) {
        for_every_product(operator, sizes, |i, j, o| dx[i] += dz[o] * w[j]);
    }
    if let Some(dw) = io.gradient(1) {
        for_every_product(operator, sizes, |i, j, o| dw[j] += x[i] * dz[o]);
    }
    if operator.bias
        && let Some(db) = io.gradient(2)
    {
        for (i, dz) in dz.iter().enumerate() {
            db[i % db.len()] += dz;
        }
    }
}
