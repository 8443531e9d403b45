//! The fast version: the matrix of windows is made a block of rows at a time and multiplied while it
//! is in cache; so is that of the windows of dz. Depthwise sums are in `depthwise`.

use limbeck_engine::{Backward, Forward, chunked};

use super::layout::{Class, Cut, GRADIENT, PARTS, TURNED};
use super::{Conv2d, Sizes, depthwise};
use crate::activation::{apply_in_place, multiply_by_derivative};
use crate::linear::add_bias;
use crate::shared::gemm::{Matrix, gemm, gemm_made, gemm_made_transposed, gemm_then};
use crate::shared::reduce::{add_column_sums, add_rows};

/// Elements per task of elementwise passes and of joining sums.
const BLOCK: usize = 8192;
/// With so many channels a tap is a task of its own in the gradient of the weights.
const MANY: usize = 64;

/// Rows of windows per task: about half a mebibyte of them, in whole tiles of 14 rows.
fn rows_per_task(depth: usize) -> usize {
    ((1 << 17) / depth.max(1) / 14).clamp(3, 8) * 14
}

pub(super) fn forward(operator: &Conv2d, sizes: Sizes, io: &mut Forward<'_, f32>) {
    let (x, w, y) = (io.real(0), io.real(1), io.output(0));
    let bias = operator.bias.then(|| io.real(2));
    let Some(activation) = operator.options.activation else {
        return sums(operator, sizes, [x, w], bias, y);
    };
    let z = io.save(0);
    sums(operator, sizes, [x, w], bias, z);
    let work = y.len();
    chunked(y, BLOCK, work, |i, y| {
        y.copy_from_slice(&z[i * BLOCK..i * BLOCK + y.len()]);
        apply_in_place(activation, y);
    });
}

/// z of all rows.
fn sums(operator: &Conv2d, sizes: Sizes, [x, w]: [&[f32]; 2], bias: Option<&[f32]>, z: &mut [f32]) {
    let Sizes {
        inputs, outputs, ..
    } = sizes;
    if operator.options.groups > 1 {
        return depthwise::forward(operator, sizes, [x, w], bias, z);
    }
    let b = Matrix::rows(w, outputs);
    if operator.is_pointwise() {
        let shape = (sizes.results.rows(), inputs, outputs);
        let finish = |_, block: &mut [f32]| add_bias(block, bias);
        return gemm_then(shape, Matrix::rows(x, inputs), b, false, z, finish);
    }
    let taps = operator.options.window.taps();
    let rows = rows_per_task(taps * inputs);
    let mut tasks: Vec<_> = z.chunks_mut(rows * outputs).enumerate().collect();
    gemm_made(
        (taps * inputs, outputs),
        b,
        &mut tasks,
        |(_, z)| z.len() / outputs,
        |&(task, ref z), block| {
            let first = task * rows;
            windows(operator, sizes, first..first + z.len() / outputs, x, block);
        },
        |(_, z), product| {
            z.copy_from_slice(product);
            add_bias(z, bias);
        },
    );
}

/// The windows of these rows of the results, a row of `block` each.
fn windows(
    operator: &Conv2d,
    sizes: Sizes,
    rows: std::ops::Range<usize>,
    x: &[f32],
    block: &mut [f32],
) {
    let (pictures, window, inputs) = (operator.pictures, operator.options.window, sizes.inputs);
    let line = window.size[1] * inputs;
    for (row, into) in rows.zip(block.chunks_exact_mut(window.size[0] * line)) {
        let [picture, oy, ox] = sizes.results.place(row);
        let (ky, y) = window.inside(0, oy, pictures.height);
        let (kx, left) = window.inside(1, ox, pictures.width);
        into[..ky.start * line].fill(0.0);
        into[ky.end * line..].fill(0.0);
        for (y, tap) in (y..).zip(ky) {
            let from = (picture * pictures.height + y) * pictures.width + left;
            let into = &mut into[tap * line..][..line];
            into[..kx.start * inputs].fill(0.0);
            into[kx.end * inputs..].fill(0.0);
            into[kx.start * inputs..kx.end * inputs]
                .copy_from_slice(&x[from * inputs..][..kx.len() * inputs]);
        }
    }
}

pub(super) fn backward(operator: &Conv2d, sizes: Sizes, io: &mut Backward<'_, f32>) {
    let (x, w, dy) = (io.real(0), io.real(1), io.upstream());
    let (scratch, parts, turned) = (io.scratch(GRADIENT), io.scratch(PARTS), io.scratch(TURNED));
    let dz = match operator.options.activation {
        None => dy,
        Some(function) => {
            let z = io.saved(0);
            chunked(scratch, BLOCK, dy.len(), |i, dz| {
                let at = i * BLOCK..i * BLOCK + dz.len();
                dz.copy_from_slice(&dy[at.clone()]);
                multiply_by_derivative(function, dz, &z[at]);
            });
            scratch
        }
    };
    let direct = operator.options.groups > 1;
    if let Some((dx, accumulate)) = io.gradient_slot(0) {
        if direct {
            depthwise::input_gradient(operator, sizes, [dz, w], dx, accumulate);
        } else {
            input_gradient(operator, sizes, [dz, w], turned, dx, accumulate);
        }
    }
    if let Some((dw, accumulate)) = io.gradient_slot(1) {
        if operator.is_pointwise() {
            let shape = (sizes.inputs, sizes.results.rows(), sizes.outputs);
            let (a, b) = (
                Matrix::transposed(x, sizes.inputs),
                Matrix::rows(dz, sizes.outputs),
            );
            gemm(shape, a, b, accumulate, dw);
        } else {
            if direct {
                depthwise::weight_parts(operator, sizes, [x, dz], parts);
            } else {
                weight_parts(operator, sizes, [x, dz], parts);
            }
            join(parts, dw, accumulate);
        }
    }
    if operator.bias
        && let Some(db) = io.gradient(2)
    {
        add_column_sums(db, dz);
    }
}

/// A run of rows of dx.
struct Pixels<'a> {
    dx: &'a mut [f32],
    /// Those of one class: the row of dx counted from the first, and (picture, y, x).
    members: Vec<(usize, [usize; 3])>,
}

/// dx, class by class: the windows of dz times the taps of the class, transposed.
fn input_gradient(
    operator: &Conv2d,
    sizes: Sizes,
    [dz, w]: [&[f32]; 2],
    turned: &mut [f32],
    dx: &mut [f32],
    accumulate: bool,
) {
    let Sizes {
        inputs, outputs, ..
    } = sizes;
    if operator.is_pointwise() {
        let shape = (sizes.results.rows(), outputs, inputs);
        let (a, b) = (Matrix::rows(dz, outputs), Matrix::transposed(w, outputs));
        return gemm(shape, a, b, accumulate, dx);
    }
    let [down, right] = operator.options.window.stride;
    for class in Class::all(operator) {
        let depth = class.taps() * outputs;
        turn(operator, sizes, class, w, &mut turned[..depth * inputs]);
        let of_all = down.min(operator.pictures.height) * right.min(operator.pictures.width);
        let rows = rows_per_task(depth) * of_all;
        let members = |task: usize, count: usize| {
            let rows = (0..count).map(|row| (row, operator.pictures.place(task * rows + row)));
            let mine = |&(_, [_, y, x]): &(usize, [usize; 3])| {
                y % down == class.y.pixel && x % right == class.x.pixel
            };
            rows.filter(mine).collect()
        };
        let blocks = dx.chunks_mut(rows * inputs).enumerate();
        let mut tasks: Vec<_> = blocks
            .map(|(task, dx)| Pixels {
                members: members(task, dx.len() / inputs),
                dx,
            })
            .collect();
        gemm_made(
            (depth, inputs),
            Matrix::rows(&turned[..depth * inputs], inputs),
            &mut tasks,
            |pixels| pixels.members.len(),
            |pixels, block| gradient_windows(operator, sizes, class, (pixels, dz), block),
            |pixels, product| {
                for ((row, _), found) in pixels.members.iter().zip(product.chunks_exact(inputs)) {
                    let into = &mut pixels.dx[row * inputs..][..inputs];
                    if accumulate {
                        into.iter_mut().zip(found).for_each(|(a, b)| *a += b);
                    } else {
                        into.copy_from_slice(found);
                    }
                }
            },
        );
    }
}

/// Row j * out + o, column i: the weight from input i to output o of the class's tap j.
fn turn(operator: &Conv2d, sizes: Sizes, class: Class, w: &[f32], turned: &mut [f32]) {
    let Sizes {
        inputs, outputs, ..
    } = sizes;
    let window = operator.options.window;
    let work = turned.len();
    chunked(turned, outputs * inputs, work, |j, into| {
        let ky = class.y.tap + j / class.x.taps * window.stride[0];
        let kx = class.x.tap + j % class.x.taps * window.stride[1];
        let matrix = &w[(ky * window.size[1] + kx) * inputs * outputs..][..inputs * outputs];
        for (o, row) in into.chunks_exact_mut(inputs).enumerate() {
            for (i, value) in row.iter_mut().enumerate() {
                *value = matrix[i * outputs + o];
            }
        }
    });
}

/// For each member of a class what reaches it of dz, a row of `block` each: tap j by tap j.
fn gradient_windows(
    operator: &Conv2d,
    sizes: Sizes,
    class: Class,
    (pixels, dz): (&Pixels<'_>, &[f32]),
    block: &mut [f32],
) {
    let (window, results, outputs) = (operator.options.window, sizes.results, sizes.outputs);
    if class.taps() == 0 {
        return;
    }
    let rows = block.chunks_exact_mut(class.taps() * outputs);
    for (into, (_, [picture, y, x])) in rows.zip(&pixels.members) {
        let last_y = (y + window.padding[0]) / window.stride[0];
        let last_x = (x + window.padding[1]) / window.stride[1];
        for (j, into) in into.chunks_exact_mut(outputs).enumerate() {
            let oy = last_y.wrapping_sub(j / class.x.taps);
            let ox = last_x.wrapping_sub(j % class.x.taps);
            if oy < results.height && ox < results.width {
                let from = (picture * results.height + oy) * results.width + ox;
                into.copy_from_slice(&dz[from * outputs..][..outputs]);
            } else {
                into.fill(0.0);
            }
        }
    }
}

/// dW over each part of the rows; with many channels the taps are tasks of their own.
fn weight_parts(operator: &Conv2d, sizes: Sizes, [x, dz]: [&[f32]; 2], parts: &mut [f32]) {
    let Sizes {
        inputs, outputs, ..
    } = sizes;
    let (cut, rows) = (Cut::on_cpu(operator, sizes), sizes.results.rows());
    let taps = operator.options.window.taps();
    let (depth, tasks) = if inputs < MANY {
        (taps * inputs, 1)
    } else {
        (inputs, taps)
    };
    let work = rows * outputs * taps * inputs / 16;
    chunked(parts, depth * outputs, work, |task, part| {
        let first = task / tasks * cut.depth;
        let rows = first.min(rows)..(first + cut.depth).min(rows);
        let tap = task % tasks;
        gemm_made_transposed(rows, (depth, outputs), dz, part, |rows, block| {
            if tasks == 1 {
                windows(operator, sizes, rows, x, block);
            } else {
                seen(operator, sizes, (rows, tap), x, block);
            }
        });
    });
}

/// What one tap sees of x, for these rows of the results.
fn seen(
    operator: &Conv2d,
    sizes: Sizes,
    (rows, tap): (std::ops::Range<usize>, usize),
    x: &[f32],
    block: &mut [f32],
) {
    let (pictures, window, inputs) = (operator.pictures, operator.options.window, sizes.inputs);
    let (ky, kx) = (tap / window.size[1], tap % window.size[1]);
    for (row, into) in rows.zip(block.chunks_exact_mut(inputs)) {
        let [picture, oy, ox] = sizes.results.place(row);
        let y = (oy * window.stride[0] + ky).wrapping_sub(window.padding[0]);
        let left = (ox * window.stride[1] + kx).wrapping_sub(window.padding[1]);
        if y < pictures.height && left < pictures.width {
            let from = (picture * pictures.height + y) * pictures.width + left;
            into.copy_from_slice(&x[from * inputs..][..inputs]);
        } else {
            into.fill(0.0);
        }
    }
}

/// The sum of the parts, in order.
fn join(parts: &[f32], into: &mut [f32], accumulate: bool) {
    let len = into.len();
    chunked(into, BLOCK, parts.len(), |block, into| {
        if !accumulate {
            into.fill(0.0);
        }
        for part in parts.chunks_exact(len) {
            add_rows(into, &part[block * BLOCK..][..into.len()]);
        }
    });
}
