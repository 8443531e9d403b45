//! The fast version: both ways are sums over the entries of rows, of the matrix or its transpose.

use limbeck_engine::{Backward, Forward};

use super::{BY_COLUMN, BY_ROW, Spmm, WEIGHTS, X};
use crate::shared::segments;

pub(super) fn forward(operator: &Spmm, io: &mut Forward<'_, f32>) {
    let columns = io.metas()[X].shape.columns();
    let (x, y) = (io.real(X), io.output(0));
    let scratch = (io.scratch(0), io.scratch(1));
    let weights = Some(io.real(BY_ROW + WEIGHTS));
    let lists = operator.sides[0].lists(|list| io.ids(list), BY_ROW, weights);
    segments::sum(lists, x, (y, columns, false), scratch);
}

pub(super) fn backward(operator: &Spmm, io: &mut Backward<'_, f32>) {
    let columns = io.metas()[X].shape.columns();
    let (dy, scratch) = (io.upstream(), (io.scratch(0), io.scratch(1)));
    let Some((dx, accumulate)) = io.gradient_slot(X) else {
        return;
    };
    let weights = Some(io.real(BY_COLUMN + WEIGHTS));
    let lists = operator.sides[1].lists(|list| io.ids(list), BY_COLUMN, weights);
    segments::sum(lists, dy, (dx, columns, accumulate), scratch);
}
