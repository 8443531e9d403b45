//! The fast version: rows are copied whole; going back, each row of the gradient collects its
//! own.

use limbeck_engine::{Backward, Forward};

use crate::shared::reduce::for_row_blocks;

pub(super) fn forward(io: &mut Forward<'_, f32>) {
    let (x, ids, y) = (io.real(0), io.ids(1), io.output(0));
    let columns = io.metas()[0].shape.columns();
    for_row_blocks(y, columns, |first, block| {
        for (y, &id) in block.chunks_exact_mut(columns).zip(&ids[first..]) {
            y.copy_from_slice(&x[id as usize * columns..][..columns]);
        }
    });
}

pub(super) fn backward(io: &mut Backward<'_, f32>) {
    let (order, starts, dy) = (io.ids(2), io.ids(3), io.upstream());
    let columns = io.metas()[0].shape.columns();
    let Some((dx, accumulate)) = io.gradient_slot(0) else {
        return;
    };
    for_row_blocks(dx, columns, |first, block| {
        if !accumulate {
            block.fill(0.0);
        }
        for (row, dx) in (first..).zip(block.chunks_exact_mut(columns)) {
            for &j in &order[starts[row] as usize..starts[row + 1] as usize] {
                let dy = &dy[j as usize * columns..][..columns];
                dx.iter_mut().zip(dy).for_each(|(a, b)| *a += b);
            }
        }
    });
}
