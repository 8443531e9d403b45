//! The definition, in f64.

use limbeck_engine::Forward;

pub(super) fn forward(threshold: f32, io: &mut Forward<'_, f64>) {
    let classes = io.metas()[0].shape.columns();
    for (y, row) in io.output(0).iter_mut().zip(io.real(0).chunks(classes)) {
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = row.iter().map(|z| (z - largest).exp()).sum();
        *y = if 1.0 / sum >= f64::from(threshold) {
            1.0
        } else {
            0.0
        };
    }
}
