//! The definition, in f64.

use limbeck_engine::{Backward, Forward};

use super::{BIAS, OFFSETS};
use crate::activation;
use crate::conv1d::{Conv1d, Sizes, for_every_tap};

pub(super) fn forward(operator: &Conv1d, sizes: Sizes, io: &mut Forward<'_, f64>) {
    let Sizes {
        inputs, outputs, ..
    } = sizes;
    let (x, w, b, offsets) = (io.real(0), io.real(1), io.real(BIAS), io.ids(OFFSETS));
    let mut z = b.repeat(sizes.rows);
    for_every_tap(operator, |t, j, s| {
        for i in 0..inputs {
            for o in 0..outputs {
                z[t * outputs + o] += x[s * inputs + i] * w[(j * inputs + i) * outputs + o];
            }
        }
    });
    let (y, largest) = (io.output(0), io.save_ids(0));
    for (s, rows) in offsets.windows(2).enumerate() {
        for o in 0..outputs {
            let mut best = rows[0];
            for t in rows[0]..rows[1] {
                let (value, highest) =
                    (z[t as usize * outputs + o], z[best as usize * outputs + o]);
                if value > highest || value.is_nan() && !highest.is_nan() {
                    best = t;
                }
            }
            largest[s * outputs + o] = best;
            y[s * outputs + o] = z[best as usize * outputs + o];
        }
    }
    if let Some(f) = operator.activation {
        io.save(1).copy_from_slice(y);
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
    let (largest, offsets) = (io.saved_ids(0), io.ids(OFFSETS));
    let mut dz = vec![0.0; rows * outputs];
    for s in 0..offsets.len() - 1 {
        for o in 0..outputs {
            let at = s * outputs + o;
            let slope = operator
                .activation
                .map_or(1.0, |f| activation::derivative(f, io.saved(1)[at]));
            dz[largest[at] as usize * outputs + o] = slope * io.upstream()[at];
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
    if let Some(db) = io.gradient(BIAS) {
        for (i, dz) in dz.iter().enumerate() {
            db[i % outputs] += dz;
        }
    }
}
