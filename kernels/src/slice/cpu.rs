//! The fast version: whole row pieces are copied.

use limbeck_engine::{Backward, Forward};

use super::Slice;
use crate::shared::columns::{Columns, copy_columns};

pub(super) fn forward(operator: &Slice, io: &mut Forward<'_, f32>) {
    let &Slice { first, width } = operator;
    let columns = io.metas()[0].shape.columns();
    let from = (io.real(0), Columns { columns, first });
    copy_columns(width, from, (io.output(0), Columns::all(width)), false);
}

pub(super) fn backward(operator: &Slice, io: &mut Backward<'_, f32>) {
    let &Slice { first, width } = operator;
    let columns = io.metas()[0].shape.columns();
    if let Some(dx) = io.gradient(0) {
        let from = (io.upstream(), Columns::all(width));
        copy_columns(width, from, (dx, Columns { columns, first }), true);
    }
}
