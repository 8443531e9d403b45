//! The fast version: one pass over memory, however many terms there are; each block of the
//! result stays in the first-level cache while the terms are added to it.

use limbeck_engine::{Backward, Forward, chunked};

use super::WeightedSum;
use crate::shared::vectorised;

const BLOCK: usize = 4096;

pub(super) fn forward(operator: &WeightedSum, io: &mut Forward<'_, f32>) {
    let y = io.output(0);
    let terms: Vec<(&[f32], f32)> = (0..)
        .map(|k| io.real(k))
        .zip(operator.factors.iter().copied())
        .collect();
    let work = y.len() * terms.len();
    chunked(y, BLOCK, work, |i, y| {
        let range = i * BLOCK..i * BLOCK + y.len();
        for (k, &(x, factor)) in terms.iter().enumerate() {
            add_block(y, &x[range.clone()], factor, k > 0);
        }
    });
}

pub(super) fn backward(operator: &WeightedSum, io: &mut Backward<'_, f32>) {
    let dy = io.upstream();
    for (k, &factor) in operator.factors.iter().enumerate() {
        if let Some((dx, accumulate)) = io.gradient_slot(k) {
            add_scaled(dx, dy, factor, accumulate);
        }
    }
}

/// `into = factor * from`, or `into += factor * from`.
pub(crate) fn add_scaled(into: &mut [f32], from: &[f32], factor: f32, accumulate: bool) {
    chunked(into, BLOCK, from.len(), |i, into| {
        let range = i * BLOCK..i * BLOCK + into.len();
        add_block(into, &from[range], factor, accumulate);
    });
}

vectorised! {
    fn add_block(into: &mut [f32], from: &[f32], factor: f32, accumulate: bool) {
        if accumulate {
            for (a, b) in into.iter_mut().zip(from) {
                *a += factor * b;
            }
        } else {
            for (a, b) in into.iter_mut().zip(from) {
                *a = factor * b;
            }
        }
    }
}
