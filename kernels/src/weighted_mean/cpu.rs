//! The fast version: one vectorised pass each way.

use limbeck_engine::{Backward, Forward, chunked};

use super::{TINY, WeightedMean};
use crate::shared::reduce::{sum, sum_of};
use crate::shared::vectorised;

/// Rows summed at once: depends on nothing, so the order of a sum does not either.
const BLOCK: usize = 4096;

pub(super) fn forward(operator: &WeightedMean, io: &mut Forward<'_, f32>) {
    let values = io.real(0);
    let (total, mass) = if operator.weighted {
        let weights = io.real(1).chunks(BLOCK);
        let blocks = values
            .chunks(BLOCK)
            .zip(weights)
            .map(|(v, w)| weighted(v, w));
        blocks.fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1))
    } else {
        (values.chunks(BLOCK).map(plain).fold(0.0, |a, b| a + b), 0.0)
    };
    let divisor = operator.count(values.len()).unwrap_or(mass).max(TINY);
    io.output(0)[0] = total / divisor;
    io.save(0)[0] = divisor;
}

pub(super) fn backward(operator: &WeightedMean, io: &mut Backward<'_, f32>) {
    let scale = io.upstream()[0] / io.saved(0)[0];
    let Some((dv, accumulate)) = io.gradient_slot(0) else {
        return;
    };
    let weights = operator.weighted.then(|| io.real(1));
    let rows = dv.len();
    chunked(dv, BLOCK, rows, |i, dv| {
        if !accumulate {
            dv.fill(0.0);
        }
        match weights {
            Some(weights) => add_scaled(dv, &weights[i * BLOCK..i * BLOCK + dv.len()], scale),
            None => dv.iter_mut().for_each(|dv| *dv += scale),
        }
    });
}

vectorised! {
    fn plain(values: &[f32]) -> f32 {
        sum(values)
    }
}

vectorised! {
    /// Σ w v over the rows that are not masked, and Σ w.
    fn weighted(values: &[f32], weights: &[f32]) -> (f32, f32) {
        let total = sum_of((weights, values), |(w, v)| if w == 0.0 { 0.0 } else { w * v });
        (total, sum(weights))
    }
}

vectorised! {
    fn add_scaled(dv: &mut [f32], weights: &[f32], scale: f32) {
        for (dv, &w) in dv.iter_mut().zip(weights) {
            *dv += if w == 0.0 { 0.0 } else { w * scale };
        }
    }
}
