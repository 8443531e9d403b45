//! The fast version. A task computes the gradients of a block's queries, keys and values together:
//! they share the tile of the block with itself.

use limbeck_engine::{Backward, Forward};

use super::Attention;
use crate::shared::attention::Sizes;
use crate::shared::attention::cpu::{
    self, Block, Head, Inputs, Pair, Rows, Sequence, Tiles, Upstream, split,
};

/// What the tasks read of `qkv` and the coordinates.
fn inputs<'a>(
    operator: &Attention,
    sizes: Sizes,
    (qkv, coordinates): (&'a [f32], &[u32]),
) -> Inputs<'a> {
    let part = |part: usize| Rows {
        values: qkv,
        stride: 3 * sizes.width,
        first: part * sizes.width,
    };
    let pair = |sequence: Sequence| Pair {
        queries: sequence,
        keys: sequence,
        sample: coordinates[2 * sequence.start()],
    };
    Inputs {
        parts: [part(0), part(1), part(2)],
        sizes,
        mask: operator.mask(),
        causal: operator.causal,
        pairs: Sequence::all(&operator.lengths).map(pair).collect(),
    }
}

pub(super) fn forward(operator: &Attention, sizes: Sizes, io: &mut Forward<'_, f32>) {
    let inputs = inputs(operator, sizes, (io.real(0), io.ids(2)));
    cpu::forward(&inputs, io.output(0), io.save(0));
}

pub(super) fn backward(operator: &Attention, sizes: Sizes, io: &mut Backward<'_, f32>) {
    let inputs = inputs(operator, sizes, (io.real(0), io.ids(2)));
    let (dy, y, lse, d) = (io.upstream(), io.output(0), io.saved(0), io.scratch(0));
    let Some((grad, accumulate)) = io.gradient_slot(0) else {
        return;
    };
    let upstream = Upstream::new(sizes, (dy, y), lse, d);
    let blocks = inputs.blocks(|pair| pair.queries);
    let pieces = split(&blocks, 3 * sizes.width, grad);
    let tasks: Vec<_> = blocks.iter().zip(pieces).collect();
    inputs.run_tasks(tasks, |(&(pair, block), grad)| {
        if !accumulate {
            grad.fill(0.0);
        }
        let mut tiles = Tiles::new();
        for head in inputs.heads(pair) {
            backward_block(head, (pair.queries, block), upstream, &mut tiles, grad);
        }
    });
}

/// Adds one head's dq, dk and dv of the rows of one block: as queries with every block of keys that
/// they see, and as keys with every block of queries that sees them.
fn backward_block(
    head: Head<'_>,
    (sequence, own): (Sequence, Block),
    upstream: Upstream<'_>,
    tiles: &mut Tiles,
    grad: &mut [f32],
) {
    for other in sequence.blocks() {
        if head.sees(own, other) {
            tiles.fill(head, (own, other), upstream);
            tiles.add_query_gradient(head, (own, other), grad);
        }
        if head.sees(other, own) {
            if other.first != own.first {
                tiles.fill(head, (other, own), upstream);
            }
            tiles.add_key_and_value_gradients(head, (other, own), upstream, grad);
        }
    }
}
