//! The definition, in f64.

use limbeck_engine::{Backward, Forward};

use super::{Conv1d, Sizes};
use crate::activation;

/// Calls `body(row t, tap j, row t + j - left)` for every tap that meets a row of the sequence.
pub(crate) fn for_every_tap(operator: &Conv1d, mut body: impl FnMut(usize, usize, usize)) {
    let mut start = 0;
    for &length in operator.lengths.iter() {
        for t in 0..length {
            for j in 0..operator.kernel_size {
                let position = t + j;
                if position >= operator.left() && position < length + operator.left() {
                    body(start + t, j, start + position - operator.left());
                }
            }
        }
        start += length;
    }
}

pub(super) fn forward(operator: &Conv1d, sizes: Sizes, io: &mut Forward<'_, f64>) {
    let Sizes {
        rows,
        inputs,
        outputs,
    } = sizes;
    let (x, w, y) = (io.real(0), io.real(1), io.output(0));
    y.fill(0.0);
    for_every_tap(operator, |t, j, s| {
        for i in 0..inputs {
            for o in 0..outputs {
                y[t * outputs + o] += x[s * inputs + i] * w[(j * inputs + i) * outputs + o];
            }
        }
    });
    if operator.bias {
        let b = io.real(3);
        for t in 0..rows {
            for o in 0..outputs {
                y[t * outputs + o] += b[o];
            }
        }
    }
    if let Some(f) = operator.activation {
        io.save(0).copy_from_slice(y);
        for y in y {
            *y = activation::value(f, *y);
        }
    }
}

pub(super) fn backward(operator: &Conv1d, sizes: Sizes, io: &mut Backward<'_, f64>) {
    let Sizes {
        rows,
        inputs,
        outputs,
    } = sizes;
    let (x, w) = (io.real(0), io.real(1));
    let mut dz = io.upstream().to_vec();
    if let Some(f) = operator.activation {
        for (dz, &z) in dz.iter_mut().zip(io.saved(0)) {
            *dz *= activation::derivative(f, z);
        }
    }
    if let Some(dx) = io.gradient(0) {
        for_every_tap(operator, |t, j, s| {
            for i in 0..inputs {
                for o in 0..outputs {
                    dx[s * inputs + i] += dz[t * outputs + o] * w[(j * inputs + i) * outputs + o];
                }
            }
        });
    }
    if let Some(dw) = io.gradient(1) {
        for_every_tap(operator, |t, j, s| {
            for i in 0..inputs {
                for o in 0..outputs {
                    dw[(j * inputs + i) * outputs + o] += x[s * inputs + i] * dz[t * outputs + o];
                }
            }
        });
    }
    if let Some(db) = io.gradient(3) {
        for t in 0..rows {
            for o in 0..outputs {
                db[o] += dz[t * outputs + o];
            }
        }
    }
}
