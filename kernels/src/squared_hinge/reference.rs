//! The definition, in f64.

/// (s, max(0, 1 - s z)) of one class.
fn shortfall(class: usize, label: u32, z: f64) -> (f64, f64) {
    let sign = if class == label as usize { 1.0 } else { -1.0 };
    let short = 1.0 - sign * z;
    // Not max(), which would drop a NaN.
    (sign, if short <= 0.0 { 0.0 } else { short })
}

pub(super) fn forward(classes: usize, z: &[f64], labels: &[u32], loss: &mut [f64]) {
    for ((loss, z), &label) in loss.iter_mut().zip(z.chunks(classes)).zip(labels) {
        let square = |(class, &z): (usize, &f64)| shortfall(class, label, z).1.powi(2);
        *loss = z.iter().enumerate().map(square).sum();
    }
}

pub(super) fn backward(classes: usize, z: &[f64], labels: &[u32], dloss: &[f64], dz: &mut [f64]) {
    for (i, dz) in dz.iter_mut().enumerate() {
        let (sign, short) = shortfall(i % classes, labels[i / classes], z[i]);
        *dz += dloss[i / classes] * -2.0 * sign * short;
    }
}
