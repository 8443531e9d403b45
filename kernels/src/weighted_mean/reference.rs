//! The definition, in f64.

use limbeck_engine::{Backward, Forward};

use super::{TINY, WeightedMean};

pub(super) fn forward(operator: &WeightedMean, io: &mut Forward<'_, f64>) {
    let values = io.real(0);
    let mut total = 0.0;
    let mut mass = 0.0;
    for (i, value) in values.iter().enumerate() {
        let weight = if operator.weighted {
            io.real(1)[i]
        } else {
            1.0
        };
        if weight != 0.0 {
            total += weight * value;
        }
        mass += weight;
    }
    let divisor = operator.count(values.len()).map_or(mass, f64::from);
    let divisor = divisor.max(f64::from(TINY));
    io.output(0)[0] = total / divisor;
    io.save(0)[0] = divisor;
}

pub(super) fn backward(operator: &WeightedMean, io: &mut Backward<'_, f64>) {
    let (dy, divisor) = (io.upstream()[0], io.saved(0)[0]);
    let Some(dv) = io.gradient(0) else { return };
    for (i, dv) in dv.iter_mut().enumerate() {
        let weight = if operator.weighted {
            io.real(1)[i]
        } else {
            1.0
        };
        if weight != 0.0 {
            *dv += weight * dy / divisor;
        }
    }
}
