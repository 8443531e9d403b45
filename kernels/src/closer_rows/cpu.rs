//! The fast version: one vectorised pass.

use limbeck_engine::{Forward, chunked};

use super::Rule;
use crate::shared::vectorised;

const BLOCK: usize = 4096;

pub(super) fn forward(rule: Rule, io: &mut Forward<'_, f32>) {
    let (teacher, student, valid) = (io.real(0), io.real(1), io.real(2));
    chunked(io.output(0), BLOCK, 3 * valid.len(), |i, y| {
        let range = i * BLOCK..i * BLOCK + y.len();
        let valid = &valid[range.clone()];
        match rule {
            Rule::Valid => copy(y, valid),
            Rule::Nothing => y.fill(0.0),
            Rule::Closer(margin) => {
                let (teacher, student) = (&teacher[range.clone()], &student[range]);
                decide(y, teacher, student, valid, margin);
            }
        }
    });
}

vectorised! {
    fn copy(y: &mut [f32], valid: &[f32]) {
        for (y, &valid) in y.iter_mut().zip(valid) {
            *y = if valid > 0.0 { 1.0 } else { 0.0 };
        }
    }
}

vectorised! {
    fn decide(y: &mut [f32], teacher: &[f32], student: &[f32], valid: &[f32], margin: f32) {
        let differences = teacher.iter().zip(student);
        for ((y, &valid), (&teacher, &student)) in y.iter_mut().zip(valid).zip(differences) {
            // `&` and not `&&`: a branch would keep the loop from being vectorised.
            let closer = (valid > 0.0) & (teacher + margin < student);
            *y = if closer { 1.0 } else { 0.0 };
        }
    }
}
