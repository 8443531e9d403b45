//! The definition, in f64.

use limbeck_engine::{Backward, Forward};

use super::{BIAS, Conv1dMax, OFFSETS};
use crate::activation;
use crate::conv1d::{Sizes, for_every_tap};

pub(super) fn forward(operator: &Conv1dMax, sizes: Sizes, io: &mut Forward<'_, f64>) {
    let Sizes {
        inputs, outputs, ..
    } = sizes;
    let (x, w, b, offsets) = (io.real(0), io.real(1), io.real(BIAS), io.ids(OFFSETS));
    let mut z = b.repeat(sizes.rows);
    for_every_tap(&operator.convolution, |t, j, s| {
        for i in 0..inputs {
            for o in 0..outputs {
                z[t * outputs + o] += x[s * inputs + i] * w[(j * inputs + i) * outputs + o];
            }
        }
    });
    let value = |t: u32, o: usize| {
        let at = t as usize * outputs + o;
        if operator.residual {
            activated(operator, z[at]) + x[at]
        } else {
            z[at]
        }
    };
    let (y, largest) = (io.output(0), io.save_ids(0));
    for (s, rows) in offsets.windows(2).enumerate() {
        for o in 0..outputs {
            let mut best = rows[0];
            for t in rows[0]..rows[1] {
                let (value, highest) = (value(t, o), value(best, o));
                if value > highest || value.is_nan() && !highest.is_nan() {
                    best = t;
                }
            }
            largest[s * outputs + o] = best;
            y[s * outputs + o] = value(best, o);
            if !operator.residual {
                y[s * outputs + o] = activated(operator, y[s * outputs + o]);
            }
        }
    }
    if operator.convolution.activation.is_some() {
        for (i, saved) in io.save(1).iter_mut().enumerate() {
            *saved = z[largest[i] as usize * outputs + i % outputs];
        }
    }
}

fn activated(operator: &Conv1dMax, z: f64) -> f64 {
    let activation = operator.convolution.activation;
    activation.map_or(z, |f| activation::value(f, z))
}

pub(super) fn backward(operator: &Conv1dMax, sizes: Sizes, io: &mut Backward<'_, f64>) {
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
                .convolution
                .activation
                .map_or(1.0, |f| activation::derivative(f, io.saved(1)[at]));
            dz[largest[at] as usize * outputs + o] = slope * io.upstream()[at];
        }
    }
    if let Some(dx) = io.gradient(0) {
        for_every_tap(&operator.convolution, |t, j, s| {
            for i in 0..inputs {
                for o in 0..outputs {
                    dx[s * inputs + i] += dz[t * outputs + o] * w[(j * inputs + i) * outputs + o];
                }
            }
        });
        if operator.residual {
            for (i, dy) in io.upstream().iter().enumerate() {
                dx[largest[i] as usize * outputs + i % outputs] += dy;
            }
        }
    }
    if let Some(dw) = io.gradient(1) {
        for_every_tap(&operator.convolution, |t, j, s| {
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
