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

/// `z_t += Σ_j x_{t+j-left} W_j`.
pub(crate) fn add_windows(operator: &Conv1d, sizes: Sizes, [x, w]: [&[f64]; 2], z: &mut [f64]) {
    let Sizes {
        inputs, outputs, ..
    } = sizes;
    for_every_tap(operator, |t, j, s| {
        for i in 0..inputs {
            for o in 0..outputs {
                z[t * outputs + o] += x[s * inputs + i] * w[(j * inputs + i) * outputs + o];
            }
        }
    });
}

/// `dx_s += Σ_j dz_{s-j+left} W_jᵀ`.
pub(crate) fn add_input_gradient(
    operator: &Conv1d,
    sizes: Sizes,
    [dz, w]: [&[f64]; 2],
    dx: &mut [f64],
) {
    let Sizes {
        inputs, outputs, ..
    } = sizes;
    for_every_tap(operator, |t, j, s| {
        for i in 0..inputs {
            for o in 0..outputs {
                dx[s * inputs + i] += dz[t * outputs + o] * w[(j * inputs + i) * outputs + o];
            }
        }
    });
}

/// `dW_j += Σ_t x_{t+j-left}ᵀ dz_t`.
pub(crate) fn add_weight_gradient(
    operator: &Conv1d,
    sizes: Sizes,
    [x, dz]: [&[f64]; 2],
    dw: &mut [f64],
) {
    let Sizes {
        inputs, outputs, ..
    } = sizes;
    for_every_tap(operator, |t, j, s| {
        for i in 0..inputs {
            for o in 0..outputs {
                dw[(j * inputs + i) * outputs + o] += x[s * inputs + i] * dz[t * outputs + o];
            }
        }
    });
}

/// `db += Σ_t dz_t`.
pub(crate) fn add_bias_gradient(dz: &[f64], db: &mut [f64]) {
    for (i, dz) in dz.iter().enumerate() {
        db[i % db.len()] += dz;
    }
}

pub(super) fn forward(operator: &Conv1d, sizes: Sizes, io: &mut Forward<'_, f64>) {
    let y = io.output(0);
    y.fill(0.0);
    if operator.bias {
        let b = io.real(3);
        for (i, y) in y.iter_mut().enumerate() {
            *y = b[i % b.len()];
        }
    }
    add_windows(operator, sizes, [io.real(0), io.real(1)], y);
    if let Some(f) = operator.activation {
        io.save(0).copy_from_slice(y);
        for y in y {
            *y = activation::value(f, *y);
        }
    }
}

pub(super) fn backward(operator: &Conv1d, sizes: Sizes, io: &mut Backward<'_, f64>) {
    let (x, w) = (io.real(0), io.real(1));
    let mut dz = io.upstream().to_vec();
    if let Some(f) = operator.activation {
        for (dz, &z) in dz.iter_mut().zip(io.saved(0)) {
            *dz *= activation::derivative(f, z);
        }
    }
    if let Some(dx) = io.gradient(0) {
        add_input_gradient(operator, sizes, [&dz, w], dx);
    }
    if let Some(dw) = io.gradient(1) {
        add_weight_gradient(operator, sizes, [x, &dz], dw);
    }
    if let Some(db) = io.gradient(3) {
        add_bias_gradient(&dz, db);
    }
}
