//! The definition, in f64.

use limbeck_engine::Forward;

pub(super) fn forward(margin: f32, io: &mut Forward<'_, f64>) {
    let (teacher, student, valid) = (io.real(0), io.real(1), io.real(2));
    for (i, y) in io.output(0).iter_mut().enumerate() {
        let closer = if margin == f32::NEG_INFINITY {
            true
        } else if margin == f32::INFINITY {
            false
        } else {
            teacher[i] + f64::from(margin) < student[i]
        };
        *y = if valid[i] > 0.0 && closer { 1.0 } else { 0.0 };
    }
}
