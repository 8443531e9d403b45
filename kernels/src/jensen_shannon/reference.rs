//! The definition, in f64.

use limbeck_engine::{Backward, Forward};

use super::JensenShannon;

fn softmax(row: &[f64], temperature: f32) -> Vec<f64> {
    let temperature = f64::from(temperature);
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = row
        .iter()
        .map(|z| ((z - largest) / temperature).exp())
        .collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

/// ln(p / m) / 2, and 0 where p is 0 (its factor p then is).
fn half_log_ratio(p: f64, m: f64) -> f64 {
    if p > 0.0 { 0.5 * (p / m).ln() } else { 0.0 }
}

/// A distribution, its half logarithmic ratios to m, and their mean.
struct Side {
    p: Vec<f64>,
    ratio: Vec<f64>,
    mean: f64,
}

fn sides(operator: &JensenShannon, a: &[f64], b: &[f64]) -> [Side; 2] {
    let p = softmax(a, operator.temperatures.p);
    let q = softmax(b, operator.temperatures.q);
    let m: Vec<f64> = p.iter().zip(&q).map(|(p, q)| 0.5 * (p + q)).collect();
    [p, q].map(|p| {
        let ratio: Vec<f64> = p
            .iter()
            .zip(&m)
            .map(|(&p, &m)| half_log_ratio(p, m))
            .collect();
        let mean = p.iter().zip(&ratio).map(|(p, ratio)| p * ratio).sum();
        Side { p, ratio, mean }
    })
}

pub(super) fn forward(operator: &JensenShannon, io: &mut Forward<'_, f64>) {
    let classes = io.metas()[0].shape.columns();
    let rows = io.real(0).chunks(classes).zip(io.real(1).chunks(classes));
    for (loss, (a, b)) in io.output(0).iter_mut().zip(rows) {
        let [p, q] = sides(operator, a, b);
        *loss = f64::from(operator.temperatures.factor) * (p.mean + q.mean);
    }
}

pub(super) fn backward(operator: &JensenShannon, io: &mut Backward<'_, f64>) {
    let classes = io.metas()[0].shape.columns();
    let (a, b, dloss) = (io.real(0), io.real(1), io.upstream());
    let t = operator.temperatures;
    let into = [(io.gradient(0), t.p), (io.gradient(1), t.q)];
    for (side, (into, temperature)) in into.into_iter().enumerate() {
        let Some(into) = into else { continue };
        for (row, into) in into.chunks_mut(classes).enumerate() {
            let range = row * classes..(row + 1) * classes;
            let Side { p, ratio, mean } = &sides(operator, &a[range.clone()], &b[range])[side];
            let scale = dloss[row] * f64::from(t.factor) / f64::from(temperature);
            for c in 0..classes {
                into[c] += scale * p[c] * (ratio[c] - mean);
            }
        }
    }
}
