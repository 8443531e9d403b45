//! The fast version: sequences with zero rows between them make the whole convolution one matrix
//! product over overlapping windows; so are both gradients.

use limbeck_engine::{Backward, Forward, chunked};

use super::layout::{
    FORWARD_PADDED, FORWARD_PRODUCT, GRADIENT_PRODUCT, Layout, PADDED, PADDED_GRADIENT,
    REVERSED_WEIGHT,
};
use super::{Conv1d, Sizes};
use crate::activation::{apply_in_place, multiply_by_derivative};
use crate::linear::add_bias;
use crate::shared::gemm::{Matrix, gemm, gemm_then};
use crate::shared::reduce::{add_column_sums, for_row_blocks};

const BLOCK: usize = 8192;

pub(super) fn forward(operator: &Conv1d, sizes: Sizes, io: &mut Forward<'_, f32>) {
    let outputs = sizes.outputs;
    let (x, w, y) = (io.real(0), io.real(1), io.output(0));
    let bias = operator.bias.then(|| io.real(3));
    let padded = io.scratch(FORWARD_PADDED);
    let layout = Layout::new(operator);
    layout.pad(x, sizes.inputs, operator.left(), padded, |_, _| ());
    let product = |z: &mut [f32], bias: Option<&[f32]>| {
        let shape = (layout.windows, operator.kernel_size * sizes.inputs, outputs);
        let windows = Matrix::strided(padded, sizes.inputs, 1);
        let w = Matrix::rows(w, outputs);
        gemm_then(shape, windows, w, false, z, |_, block| {
            add_bias(block, bias)
        });
    };
    let fill = |z: &mut [f32], spaced: &mut [f32]| {
        if layout.is_packed() {
            return product(z, bias);
        }
        product(spaced, None);
        take_rows(&layout, spaced, outputs, false, z, bias);
    };
    let spaced = io.scratch(FORWARD_PRODUCT);
    let Some(activation) = operator.activation else {
        return fill(y, spaced);
    };
    let z = io.save(0);
    fill(z, spaced);
    chunked(y, BLOCK, sizes.rows * outputs, |i, y| {
        y.copy_from_slice(&z[i * BLOCK..i * BLOCK + y.len()]);
        apply_in_place(activation, y);
    });
}

pub(super) fn backward(operator: &Conv1d, sizes: Sizes, io: &mut Backward<'_, f32>) {
    let Sizes {
        inputs, outputs, ..
    } = sizes;
    let (x, w, dy) = (io.real(0), io.real(1), io.upstream());
    let z = operator.activation.map(|f| (f, io.saved(0)));
    let layout = Layout::new(operator);
    let (windows, kernel_size) = (layout.windows, operator.kernel_size);
    // dz as the convolution for dx needs it: the sides exchanged.
    let padded = io.scratch(PADDED_GRADIENT);
    layout.pad(dy, outputs, operator.right(), padded, |piece, at| {
        if let Some((activation, z)) = z {
            multiply_by_derivative(activation, piece, &z[at..at + piece.len()]);
        }
    });
    let dz = &padded[operator.right() * outputs..][..windows * outputs];
    if let Some((dx, accumulate)) = io.gradient_slot(0) {
        let reversed = io.scratch(REVERSED_WEIGHT);
        reverse_taps(w, sizes, reversed);
        let shape = (windows, kernel_size * outputs, inputs);
        let (a, b) = (
            Matrix::strided(padded, outputs, 1),
            Matrix::rows(reversed, inputs),
        );
        if layout.is_packed() {
            gemm(shape, a, b, accumulate, dx);
        } else {
            let spaced = io.scratch(GRADIENT_PRODUCT);
            gemm(shape, a, b, false, spaced);
            take_rows(&layout, spaced, inputs, accumulate, dx, None);
        }
    }
    if let Some((dw, accumulate)) = io.gradient_slot(1) {
        let padded_x = io.scratch(PADDED);
        layout.pad(x, inputs, operator.left(), padded_x, |_, _| ());
        let shape = (kernel_size * inputs, windows, outputs);
        let a = Matrix::strided(padded_x, 1, inputs);
        gemm(shape, a, Matrix::rows(dz, outputs), accumulate, dw);
    }
    if let Some(db) = io.gradient(3) {
        // The zero rows of the gaps add nothing.
        add_column_sums(db, dz);
    }
}

/// The rows of the windows that belong to a row, with the bias added.
fn take_rows(
    layout: &Layout,
    spaced: &[f32],
    columns: usize,
    accumulate: bool,
    packed: &mut [f32],
    bias: Option<&[f32]>,
) {
    for_row_blocks(packed, columns, |first, block| {
        let rows = first..first + block.len() / columns;
        for (piece, window) in layout.pieces(rows) {
            let into = &mut block[(piece.start - first) * columns..(piece.end - first) * columns];
            let found = &spaced[window * columns..][..into.len()];
            if accumulate {
                into.iter_mut().zip(found).for_each(|(a, b)| *a += b);
            } else {
                into.copy_from_slice(found);
            }
        }
        add_bias(block, bias);
    });
}

/// Row j * out + o, column i: the weight of tap w-1-j from input i to output o.
fn reverse_taps(w: &[f32], sizes: Sizes, reversed: &mut [f32]) {
    let Sizes {
        inputs, outputs, ..
    } = sizes;
    let tap = inputs * outputs;
    let work = reversed.len();
    chunked(reversed, tap, work, |j, into| {
        let matrix = &w[work - (j + 1) * tap..][..tap];
        for (o, row) in into.chunks_exact_mut(inputs).enumerate() {
            for (i, value) in row.iter_mut().enumerate() {
                *value = matrix[i * outputs + o];
            }
        }
    });
}
