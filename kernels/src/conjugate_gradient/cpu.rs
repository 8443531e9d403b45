//! The fast version: chunks in parallel, their sums joined in order in f64.

use limbeck_engine::{ParameterVector, Tensor, worth_splitting};
use rayon::prelude::*;

use super::Products;
use crate::shared::reduce::dot;
use crate::shared::update::CHUNK;
use crate::shared::vectorised;

/// Of gradient, direction and gradient before.
pub(super) fn products(vectors: [&ParameterVector; 3]) -> Products {
    let [g, d, before] = vectors.map(|vector| {
        let slices = vector.slices().iter().flatten();
        let slices = slices.filter_map(Tensor::host::<f32>);
        slices
            .flat_map(|slice| slice.chunks(CHUNK))
            .collect::<Vec<&[f32]>>()
    });
    let pair = |i: usize| pair_of_dots(g[i], d[i], before[i]);
    let elements = g.iter().map(|chunk| chunk.len()).sum();
    let sums: Vec<(f32, f32)> = if worth_splitting(elements) {
        (0..g.len()).into_par_iter().map(pair).collect()
    } else {
        (0..g.len()).map(pair).collect()
    };
    sums.iter()
        .fold(Products::default(), |sum, &(slope, before)| Products {
            slope: sum.slope + f64::from(slope),
            before: sum.before + f64::from(before),
        })
}

vectorised! {
    /// (gᵀd, gᵀbefore).
    fn pair_of_dots(g: &[f32], d: &[f32], before: &[f32]) -> (f32, f32) {
        (dot(g, d), dot(g, before))
    }
}

vectorised! {
    pub(super) fn advance(by: f64, p: &mut [f32], d: &[f32]) {
        let by = by as f32;
        for (p, d) in p.iter_mut().zip(d) {
            *p += by * d;
        }
    }
}

vectorised! {
    pub(super) fn turn(rates: [f64; 2], p: &mut [f32], g: &[f32], moments: [&mut [f32]; 2]) {
        let [mix, by] = rates.map(|rate| rate as f32);
        let [d, before] = moments;
        for (((p, &g), d), before) in p.iter_mut().zip(g).zip(d).zip(before) {
            *d = mix * *d - g;
            *before = g;
            *p += by * *d;
        }
    }
}
