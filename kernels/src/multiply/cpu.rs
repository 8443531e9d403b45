//! The fast version: one vectorised pass; the backward pass is two more products.

use limbeck_engine::{Backward, Forward, chunked};

use crate::shared::vectorised;

const BLOCK: usize = 4096;

pub(super) fn forward(io: &mut Forward<'_, f32>) {
    product(io.real(0), io.real(1), io.output(0), false);
}

pub(super) fn backward(io: &mut Backward<'_, f32>) {
    let dy = io.upstream();
    for (input, other) in [(0, 1), (1, 0)] {
        if let Some((gradient, accumulate)) = io.gradient_slot(input) {
            product(io.real(other), dy, gradient, accumulate);
        }
    }
}

/// `into = a b`, or `into += a b`.
fn product(a: &[f32], b: &[f32], into: &mut [f32], accumulate: bool) {
    chunked(into, BLOCK, a.len(), |i, into| {
        let range = i * BLOCK..i * BLOCK + into.len();
        block_product(&a[range.clone()], &b[range], into, accumulate);
    });
}

vectorised! {
    fn block_product(a: &[f32], b: &[f32], into: &mut [f32], accumulate: bool) {
        for ((y, a), b) in into.iter_mut().zip(a).zip(b) {
            *y = if accumulate { *y + a * b } else { a * b };
        }
    }
}
