//! The definition, in f64.

use limbeck_engine::{Backward, Forward};

use super::L2Normalise;

pub(super) fn forward(
    operator: &L2Normalise,
    (_, columns): (usize, usize),
    io: &mut Forward<'_, f64>,
) {
    let (x, y, lengths) = (io.real(0), io.output(0), io.save(0));
    for (r, into) in lengths.iter_mut().enumerate() {
        let row = r * columns..(r + 1) * columns;
        let length = x[row.clone()].iter().map(|x| x * x).sum::<f64>().sqrt();
        *into = length;
        // Not max(), which would drop a NaN.
        let epsilon = f64::from(operator.epsilon);
        let divisor = if length < epsilon { epsilon } else { length };
        for at in row {
            y[at] = x[at] / divisor;
        }
    }
}

pub(super) fn backward(
    operator: &L2Normalise,
    (_, columns): (usize, usize),
    io: &mut Backward<'_, f64>,
) {
    let (y, dy, lengths) = (io.output(0), io.upstream(), io.saved(0));
    let epsilon = f64::from(operator.epsilon);
    let Some(dx) = io.gradient(0) else { return };
    for (r, &length) in lengths.iter().enumerate() {
        let row = r * columns..(r + 1) * columns;
        let along: f64 = row.clone().map(|at| y[at] * dy[at]).sum();
        for at in row {
            dx[at] += if length == 0.0 {
                0.0
            } else if length < epsilon {
                dy[at] / epsilon
            } else {
                // A NaN too.
                (dy[at] - y[at] * along) / length
            };
        }
    }
}
