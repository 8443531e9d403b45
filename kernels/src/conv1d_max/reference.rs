//! The definition, in f64.

use limbeck_engine::{Backward, Forward};

use super::{BIAS, Conv1dMax, OFFSETS};
use crate::activation;
use crate::conv1d::Sizes;
use crate::conv1d::reference::{
    add_bias_gradient, add_input_gradient, add_weight_gradient, add_windows,
};

pub(super) fn forward(operator: &Conv1dMax, sizes: Sizes, io: &mut Forward<'_, f64>) {
    let outputs = sizes.outputs;
    let (x, w, b, offsets) = (io.real(0), io.real(1), io.real(BIAS), io.ids(OFFSETS));
    let mut z = b.repeat(sizes.rows);
    add_windows(&operator.convolution, sizes, [x, w], &mut z);
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
    let Sizes { rows, outputs, .. } = sizes;
    let (x, w, largest, dy) = (io.real(0), io.real(1), io.saved_ids(0), io.upstream());
    let convolution = &operator.convolution;
    let mut dz = vec![0.0; rows * outputs];
    for (i, &row) in largest.iter().enumerate() {
        let slope = match convolution.activation {
            Some(f) => activation::derivative(f, io.saved(1)[i]),
            None => 1.0,
        };
        dz[row as usize * outputs + i % outputs] = slope * dy[i];
    }
    if let Some(dx) = io.gradient(0) {
        add_input_gradient(convolution, sizes, [&dz, w], dx);
        if operator.residual {
            for (i, &row) in largest.iter().enumerate() {
                dx[row as usize * outputs + i % outputs] += dy[i];
            }
        }
    }
    if let Some(dw) = io.gradient(1) {
        add_weight_gradient(convolution, sizes, [x, &dz], dw);
    }
    if let Some(db) = io.gradient(BIAS) {
        add_bias_gradient(&dz, db);
    }
}
