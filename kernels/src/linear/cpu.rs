//! The fast version: three matrix products, with bias and activation applied to each block of
//! rows while it is still in cache.

use limbeck_engine::{Backward, Forward, chunked};

use super::{Linear, Sizes};
use crate::activation::{apply_in_place, multiply_by_derivative};
use crate::shared::gemm::{Matrix, gemm, gemm_then};
use crate::shared::reduce::add_column_sums;
use crate::shared::vectorised;

pub(super) fn forward(operator: &Linear, sizes: Sizes, io: &mut Forward<'_, f32>) {
    let Sizes {
        rows,
        inputs,
        outputs,
    } = sizes;
    let (x, w, y) = (io.real(0), io.real(1), io.output(0));
    let bias = operator.bias.then(|| io.real(2));
    let shape = (rows, inputs, outputs);
    let (x, w) = (Matrix::rows(x, inputs), Matrix::rows(w, outputs));
    let Some(activation) = operator.activation else {
        gemm_then(shape, x, w, false, y, |_, block| add_bias(block, bias));
        return;
    };
    let z = io.save(0);
    gemm_then(shape, x, w, false, z, |_, block| add_bias(block, bias));
    let block = BLOCK;
    chunked(y, block, rows * outputs, |i, y| {
        y.copy_from_slice(&z[i * block..i * block + y.len()]);
        apply_in_place(activation, y);
    });
}

const BLOCK: usize = 8192;

pub(super) fn backward(operator: &Linear, sizes: Sizes, io: &mut Backward<'_, f32>) {
    let Sizes {
        rows,
        inputs,
        outputs,
    } = sizes;
    let (x, w, dy) = (io.real(0), io.real(1), io.upstream());
    let dz: &[f32] = match operator.activation {
        None => dy,
        Some(activation) => {
            let (z, dz) = (io.saved(0), io.scratch(0));
            chunked(dz, BLOCK, rows * outputs, |i, dz| {
                let range = i * BLOCK..i * BLOCK + dz.len();
                dz.copy_from_slice(&dy[range.clone()]);
                multiply_by_derivative(activation, dz, &z[range]);
            });
            dz
        }
    };
    if let Some((dx, accumulate)) = io.gradient_slot(0) {
        let (dz, w) = (Matrix::rows(dz, outputs), Matrix::transposed(w, outputs));
        gemm((rows, outputs, inputs), dz, w, accumulate, dx);
    }
    if let Some((dw, accumulate)) = io.gradient_slot(1) {
        let (x, dz) = (Matrix::transposed(x, inputs), Matrix::rows(dz, outputs));
        gemm((inputs, rows, outputs), x, dz, accumulate, dw);
    }
    if let Some(db) = io.gradient(2) {
        add_column_sums(db, dz);
    }
}

/// `row += bias` for every row of a block.
pub(crate) fn add_bias(block: &mut [f32], bias: Option<&[f32]>) {
    if let Some(bias) = bias {
        add_bias_rows(block, bias);
    }
}

vectorised! {
    fn add_bias_rows(block: &mut [f32], bias: &[f32]) {
        for row in block.chunks_exact_mut(bias.len()) {
            for (y, b) in row.iter_mut().zip(bias) {
                *y += b;
            }
        }
    }
}
