//! The definition, in f64.

use limbeck_engine::{Backward, Forward};

use super::Divergence;

/// ln p of every class of a row at a temperature.
fn ln_softmax(row: &[f64], temperature: f64) -> Vec<f64> {
    let u: Vec<f64> = row.iter().map(|z| z / temperature).collect();
    let largest = u.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = u.iter().map(|u| (u - largest).exp()).sum();
    u.iter().map(|u| u - largest - sum.ln()).collect()
}

/// One row: p, q, the terms L and their mean v under p.
struct Row {
    p: Vec<f64>,
    q: Vec<f64>,
    terms: Vec<f64>,
    value: f64,
}

impl Row {
    fn of(operator: &Divergence, a: &[f64], b: &[f64]) -> Self {
        let ln_p = ln_softmax(a, f64::from(operator.temperatures.p));
        let ln_q = ln_softmax(b, f64::from(operator.temperatures.q));
        let terms: Vec<f64> = ln_p
            .iter()
            .zip(&ln_q)
            .map(|(ln_p, ln_q)| if operator.entropy { ln_p - ln_q } else { -ln_q })
            .collect();
        let p: Vec<f64> = ln_p.iter().map(|l| l.exp()).collect();
        Row {
            value: p.iter().zip(&terms).map(|(p, term)| p * term).sum(),
            q: ln_q.iter().map(|l| l.exp()).collect(),
            p,
            terms,
        }
    }
}

pub(super) fn forward(operator: &Divergence, io: &mut Forward<'_, f64>) {
    let classes = io.metas()[0].shape.columns();
    let rows = io.real(0).chunks(classes).zip(io.real(1).chunks(classes));
    for (loss, (a, b)) in io.output(0).iter_mut().zip(rows) {
        *loss = f64::from(operator.temperatures.factor) * Row::of(operator, a, b).value;
    }
}

pub(super) fn backward(operator: &Divergence, io: &mut Backward<'_, f64>) {
    let classes = io.metas()[0].shape.columns();
    let (a, b, dloss) = (io.real(0), io.real(1), io.upstream());
    let (mut da, mut db) = (io.gradient(0), io.gradient(1));
    let t = operator.temperatures;
    for (i, dloss) in dloss.iter().enumerate() {
        let range = i * classes..(i + 1) * classes;
        let row = Row::of(operator, &a[range.clone()], &b[range.clone()]);
        let scale = dloss * f64::from(t.factor);
        for c in 0..classes {
            if let Some(da) = &mut da {
                let slope = row.p[c] * (row.terms[c] - row.value);
                da[range.start + c] += scale / f64::from(t.p) * slope;
            }
            if let Some(db) = &mut db {
                db[range.start + c] += scale / f64::from(t.q) * (row.q[c] - row.p[c]);
            }
        }
    }
}
