//! The definition, in f64.

pub(super) fn forward(logarithm: bool, columns: usize, x: &[f64], y: &mut [f64]) {
    for (x, y) in x.chunks(columns).zip(y.chunks_mut(columns)) {
        let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = x.iter().map(|x| (x - largest).exp()).sum();
        for (y, x) in y.iter_mut().zip(x) {
            let ln_p = x - largest - sum.ln();
            *y = if logarithm { ln_p } else { ln_p.exp() };
        }
    }
}

pub(super) fn backward(logarithm: bool, columns: usize, y: &[f64], dy: &[f64], dx: &mut [f64]) {
    let rows = y.chunks(columns).zip(dy.chunks(columns));
    for ((y, dy), dx) in rows.zip(dx.chunks_mut(columns)) {
        let sum: f64 = if logarithm {
            dy.iter().sum()
        } else {
            dy.iter().zip(y).map(|(dy, y)| dy * y).sum()
        };
        for ((dx, y), dy) in dx.iter_mut().zip(y).zip(dy) {
            *dx += if logarithm {
                dy - y.exp() * sum
            } else {
                y * (dy - sum)
            };
        }
    }
}
