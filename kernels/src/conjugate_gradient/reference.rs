//! The definition, in f64.

use limbeck_engine::{ParameterVector, Tensor};

use super::Products;

pub(super) fn products(vectors: [&ParameterVector; 3]) -> Products {
    let [g, d, before] = vectors.map(|vector| {
        let slices = vector.slices().iter().flatten();
        slices.filter_map(Tensor::host::<f64>).flatten()
    });
    let mut sums = Products::default();
    for ((g, d), before) in g.zip(d).zip(before) {
        sums.slope += g * d;
        sums.before += g * before;
    }
    sums
}

pub(super) fn advance(by: f64, p: &mut [f64], d: &[f64]) {
    for i in 0..p.len() {
        p[i] += by * d[i];
    }
}

pub(super) fn turn([mix, by]: [f64; 2], p: &mut [f64], g: &[f64], moments: [&mut [f64]; 2]) {
    let [d, before] = moments;
    for i in 0..p.len() {
        d[i] = -g[i] + mix * d[i];
        before[i] = g[i];
        p[i] += by * d[i];
    }
}
