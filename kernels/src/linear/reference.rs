//! The definition, in f64.

use limbeck_engine::{Backward, Forward};

use super::{Linear, Sizes};
use crate::activation;

impl Linear {
    /// Where the weight of input i and output o stands.
    fn place(&self, sizes: Sizes, i: usize, o: usize) -> usize {
        match self.transposed {
            true => o * sizes.inputs + i,
            false => i * sizes.outputs + o,
        }
    }
}

pub(super) fn forward(operator: &Linear, sizes: Sizes, io: &mut Forward<'_, f64>) {
    let Sizes {
        rows,
        inputs,
        outputs,
    } = sizes;
    let (x, w, y) = (io.real(0), io.real(1), io.output(0));
    let b = operator.bias.then(|| io.real(2));
    let mut saved = operator.activation.map(|_| io.save(0));
    for r in 0..rows {
        for o in 0..outputs {
            let mut z = b.map_or(0.0, |b| b[o]);
            for i in 0..inputs {
                z += x[r * inputs + i] * w[operator.place(sizes, i, o)];
            }
            if let Some(saved) = &mut saved {
                saved[r * outputs + o] = z;
            }
            y[r * outputs + o] = operator.activation.map_or(z, |f| activation::value(f, z));
        }
    }
}

pub(super) fn backward(operator: &Linear, sizes: Sizes, io: &mut Backward<'_, f64>) {
    let Sizes {
        rows,
        inputs,
        outputs,
    } = sizes;
    let (x, w, dy) = (io.real(0), io.real(1), io.upstream());
    let dz: Vec<f64> = match operator.activation {
        None => dy.to_vec(),
        Some(f) => {
            let z = io.saved(0);
            dy.iter()
                .zip(z)
                .map(|(dy, &z)| dy * activation::derivative(f, z))
                .collect()
        }
    };
    if let Some(dx) = io.gradient(0) {
        for r in 0..rows {
            for i in 0..inputs {
                for o in 0..outputs {
                    dx[r * inputs + i] += dz[r * outputs + o] * w[operator.place(sizes, i, o)];
                }
            }
        }
    }
    if let Some(dw) = io.gradient(1) {
        for r in 0..rows {
            for i in 0..inputs {
                for o in 0..outputs {
                    dw[operator.place(sizes, i, o)] += x[r * inputs + i] * dz[r * outputs + o];
                }
            }
        }
    }
    if let Some(db) = io.gradient(2) {
        for r in 0..rows {
            for o in 0..outputs {
                db[o] += dz[r * outputs + o];
            }
        }
    }
}
