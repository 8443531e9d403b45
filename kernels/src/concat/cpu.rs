//! The fast version: whole row pieces are copied.

use limbeck_engine::{Backward, Forward};

use super::{places, total_columns};
use crate::shared::columns::{Columns, copy_columns};

pub(super) fn forward(io: &mut Forward<'_, f32>) {
    let (metas, y) = (io.metas(), io.output(0));
    let columns = total_columns(metas);
    for (k, (first, width)) in places(metas).enumerate() {
        let from = (io.real(k), Columns::all(width));
        copy_columns(width, from, (y, Columns { columns, first }), false);
    }
}

pub(super) fn backward(io: &mut Backward<'_, f32>) {
    let (metas, dy) = (io.metas(), io.upstream());
    let columns = total_columns(metas);
    for (k, (first, width)) in places(metas).enumerate() {
        if let Some((dx, accumulate)) = io.gradient_slot(k) {
            let from = (dy, Columns { columns, first });
            copy_columns(width, from, (dx, Columns::all(width)), accumulate);
        }
    }
}
