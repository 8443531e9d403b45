//! The fast version: one pass each way, in blocks that may go to several threads.

use limbeck::engine::{Backward, Forward, chunked};

/// Elements of a task. It depends on nothing, so that the bits do not depend on the threads.
const BLOCK: usize = 4096;

pub(super) fn forward(io: &mut Forward<'_, f32>) {
    let (x, y) = (io.real(0), io.output(0));
    chunked(y, BLOCK, x.len(), |block, y| {
        for (y, x) in y.iter_mut().zip(&x[block * BLOCK..]) {
            *y = x / (1.0 + x.abs());
        }
    });
}

pub(super) fn backward(io: &mut Backward<'_, f32>) {
    let (x, dy) = (io.real(0), io.upstream());
    let Some((dx, accumulate)) = io.gradient_slot(0) else {
        return;
    };
    chunked(dx, BLOCK, x.len(), |block, dx| {
        let range = block * BLOCK..block * BLOCK + dx.len();
        for ((dx, x), dy) in dx.iter_mut().zip(&x[range.clone()]).zip(&dy[range]) {
            let slope = 1.0 / (1.0 + x.abs());
            let through = dy * slope * slope;
            *dx = if accumulate { *dx + through } else { through };
        }
    });
}
