//! The definition, in f64.

/// -ln σ(z).
fn minus_ln_sigmoid(z: f64) -> f64 {
    (-z).max(0.0) + (-z.abs()).exp().ln_1p()
}

pub(super) fn forward(classes: usize, z: &[f64], t: &[f64], loss: &mut [f64]) {
    let rows = z.chunks(classes).zip(t.chunks(classes));
    for (loss, (z, t)) in loss.iter_mut().zip(rows) {
        let class =
            |(z, t): (&f64, &f64)| t * minus_ln_sigmoid(*z) + (1.0 - t) * minus_ln_sigmoid(-z);
        *loss = z.iter().zip(t).map(class).sum();
    }
}

pub(super) fn backward(classes: usize, z: &[f64], t: &[f64], dloss: &[f64], dz: &mut [f64]) {
    for (i, dz) in dz.iter_mut().enumerate() {
        let sigmoid = 1.0 / (1.0 + (-z[i]).exp());
        *dz += dloss[i / classes] * (sigmoid - t[i]);
    }
}
