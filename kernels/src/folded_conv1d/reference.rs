//! The definition, in f64.

use limbeck_engine::Forward;

use super::{BIAS, IDS, TABLE};
use crate::activation;
use crate::conv1d::{Conv1d, for_every_tap};

pub(super) fn forward(operator: &Conv1d, io: &mut Forward<'_, f64>) {
    let (table, ids, b, y) = (io.real(TABLE), io.ids(IDS), io.real(BIAS), io.output(0));
    let outputs = b.len();
    let width = operator.kernel_size * outputs;
    for row in y.chunks_exact_mut(outputs.max(1)) {
        row.copy_from_slice(b);
    }
    for_every_tap(operator, |t, j, s| {
        for o in 0..outputs {
            y[t * outputs + o] += table[ids[s] as usize * width + j * outputs + o];
        }
    });
    if let Some(f) = operator.activation {
        for y in y {
            *y = activation::value(f, *y);
        }
    }
}
