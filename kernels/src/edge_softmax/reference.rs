//! The definition, in f64.

use limbeck_engine::{Backward, Forward};

use super::{EdgeSoftmax, SCORES, columns};
use crate::shared::edges::{OFFSETS, SOURCES, TARGETS, X};

pub(super) fn forward(io: &mut Forward<'_, f64>) {
    let columns = columns(io.metas());
    let (x, scores, y, alpha) = (io.real(X), io.real(SCORES), io.output(0), io.save(0));
    let (offsets, sources) = (io.ids(OFFSETS), io.ids(SOURCES));
    y.fill(0.0);
    for i in 0..offsets.len() - 1 {
        let edges = offsets[i] as usize..offsets[i + 1] as usize;
        let scores_of_target = scores[edges.clone()].iter().copied();
        let largest = scores_of_target.clone().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = scores_of_target.map(|s| (s - largest).exp()).sum();
        for e in edges {
            alpha[e] = (scores[e] - largest).exp() / sum;
            for c in 0..columns {
                y[i * columns + c] += alpha[e] * x[sources[e] as usize * columns + c];
            }
        }
    }
}

pub(super) fn backward(operator: &EdgeSoftmax, io: &mut Backward<'_, f64>) {
    let columns = columns(io.metas());
    let (x, alpha, dy) = (io.real(X), io.saved(0), io.upstream());
    let (sources, targets) = (io.ids(SOURCES), io.ids(TARGETS));
    if let Some(dx) = io.gradient(X) {
        for e in 0..alpha.len() {
            for c in 0..columns {
                let (j, i) = (sources[e] as usize, targets[e] as usize);
                dx[j * columns + c] += alpha[e] * dy[i * columns + c];
            }
        }
    }
    if let Some(dscores) = io.gradient(SCORES) {
        let mut dalpha = vec![0.0; alpha.len()];
        let mut means = vec![0.0; operator.edges.targets];
        for e in 0..alpha.len() {
            let (j, i) = (sources[e] as usize, targets[e] as usize);
            for c in 0..columns {
                dalpha[e] += dy[i * columns + c] * x[j * columns + c];
            }
            means[i] += alpha[e] * dalpha[e];
        }
        for e in 0..alpha.len() {
            dscores[e] += alpha[e] * (dalpha[e] - means[targets[e] as usize]);
        }
    }
}
