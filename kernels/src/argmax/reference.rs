//! The definition, in f64.

use limbeck_engine::Forward;

pub(super) fn forward(io: &mut Forward<'_, f64>) {
    let (x, y) = (io.real(0), io.output_ids(0));
    let columns = io.metas()[0].shape.columns();
    for (row, y) in x.chunks_exact(columns).zip(y) {
        let mut best = 0;
        for c in 1..columns {
            if row[c] > row[best] || (row[c].is_nan() && !row[best].is_nan()) {
                best = c;
            }
        }
        *y = best as u32;
    }
}
