//! The fast version: three matrix products, with bias and activation applied to each block of
//! rows while it is still in cache.

use limbeck_engine::{Backward, Forward, chunked};

use super::{Linear, Sizes};
use crate::activation::apply_and_derive;
use crate::shared::gemm::{Matrix, Operand, Prepared, gemm, gemm_beside, gemm_then};
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
    let prepared = match rows <= Prepared::ROWS {
        true => io.derived(1, |w| {
            Prepared::new((inputs, outputs), operator.weight(w, sizes))
        }),
        false => None,
    };
    let x = Matrix::rows(x, inputs);
    let w = Operand::new(operator.weight(w, sizes), prepared.and_then(Option::as_ref));
    let Some(activation) = operator.activation else {
        gemm_then(shape, x, w, false, y, |_, block| add_bias(block, bias));
        return;
    };
    // What the backward pass wants of z is f'(z).
    let slope = io.save(0);
    gemm_beside(shape, x, w, false, (slope, y), |_, z, y| {
        add_bias(z, bias);
        apply_and_derive(activation, z, y);
    });
}

impl Linear {
    /// The weight as an inputs x outputs matrix.
    fn weight<'a>(&self, w: &'a [f32], sizes: Sizes) -> Matrix<'a> {
        match self.transposed {
            true => Matrix::transposed(w, sizes.inputs),
            false => Matrix::rows(w, sizes.outputs),
        }
    }
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
        Some(_) => {
            let (slope, dz) = (io.saved(0), io.scratch(0));
            chunked(dz, BLOCK, rows * outputs, |i, dz| {
                let range = i * BLOCK..i * BLOCK + dz.len();
                multiply(&dy[range.clone()], &slope[range], dz);
            });
            dz
        }
    };
    if let Some((dx, accumulate)) = io.gradient_slot(0) {
        let (dz, w) = (
            Matrix::rows(dz, outputs),
            operator.weight(w, sizes).transpose(),
        );
        gemm((rows, outputs, inputs), dz, w, accumulate, dx);
    }
    if let Some((dw, accumulate)) = io.gradient_slot(1) {
        let (x, dz) = (Matrix::rows(x, inputs), Matrix::rows(dz, outputs));
        if operator.transposed {
            gemm((outputs, rows, inputs), dz.transpose(), x, accumulate, dw);
        } else {
            gemm((inputs, rows, outputs), x.transpose(), dz, accumulate, dw);
        }
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
    fn multiply(a: &[f32], b: &[f32], into: &mut [f32]) {
        for ((into, a), b) in into.iter_mut().zip(a).zip(b) {
            *into = a * b;
        }
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
