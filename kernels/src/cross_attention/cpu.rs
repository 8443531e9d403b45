//! The fast version. The gradient of the queries has its own tasks, and so has that of the keys and
//! values: their rows are not the same.

use limbeck_engine::{Backward, Forward};

use super::{COORDINATES, CrossAttention, KEYS_VALUES, QUERIES};
use crate::shared::attention::Sizes;
use crate::shared::attention::cpu::{self, Inputs, Pair, Rows, Sequence, Tiles, Upstream, split};

/// What the tasks read of the queries, the keys and values, and the coordinates.
fn inputs<'a>(
    operator: &CrossAttention,
    sizes: Sizes,
    (queries, keys_values, coordinates): (&'a [f32], &'a [f32], &[u32]),
) -> Inputs<'a> {
    let width = sizes.width;
    let rows = |values, stride, first| Rows {
        values,
        stride,
        first,
    };
    let pair = |(queries, keys): (Sequence, Sequence)| Pair {
        queries,
        keys,
        sample: coordinates[2 * queries.start()],
    };
    let sequences = Sequence::all(&operator.target).zip(Sequence::all(&operator.source));
    Inputs {
        parts: [
            rows(queries, width, 0),
            rows(keys_values, 2 * width, 0),
            rows(keys_values, 2 * width, width),
        ],
        sizes,
        mask: operator.mask(),
        causal: false,
        pairs: sequences.map(pair).collect(),
    }
}

pub(super) fn forward(operator: &CrossAttention, sizes: Sizes, io: &mut Forward<'_, f32>) {
    let numbers = (io.real(QUERIES), io.real(KEYS_VALUES), io.ids(COORDINATES));
    let inputs = inputs(operator, sizes, numbers);
    cpu::forward(&inputs, io.output(0), io.save(0));
}

pub(super) fn backward(operator: &CrossAttention, sizes: Sizes, io: &mut Backward<'_, f32>) {
    let numbers = (io.real(QUERIES), io.real(KEYS_VALUES), io.ids(COORDINATES));
    let inputs = inputs(operator, sizes, numbers);
    let (dy, y, lse, d) = (io.upstream(), io.output(0), io.saved(0), io.scratch(0));
    let upstream = Upstream::new(sizes, (dy, y), lse, d);
    if let Some(slot) = io.gradient_slot(QUERIES) {
        queries(&inputs, upstream, slot);
    }
    if let Some(slot) = io.gradient_slot(KEYS_VALUES) {
        keys_and_values(&inputs, upstream, slot);
    }
}

/// dq, a task per block of queries.
fn queries(inputs: &Inputs<'_>, upstream: Upstream<'_>, (grad, accumulate): (&mut [f32], bool)) {
    let blocks = inputs.blocks(|pair| pair.queries);
    let pieces = split(&blocks, inputs.sizes.width, grad);
    let tasks: Vec<_> = blocks.iter().zip(pieces).collect();
    inputs.run_tasks(tasks, |(&(pair, own), grad)| {
        if !accumulate {
            grad.fill(0.0);
        }
        let mut tiles = Tiles::new();
        for head in inputs.heads(pair) {
            for keys in pair.keys.blocks() {
                tiles.fill(head, (own, keys), upstream);
                tiles.add_query_gradient(head, (own, keys), grad);
            }
        }
    });
}

/// dk and dv, a task per block of keys.
fn keys_and_values(
    inputs: &Inputs<'_>,
    upstream: Upstream<'_>,
    (grad, accumulate): (&mut [f32], bool),
) {
    let blocks = inputs.blocks(|pair| pair.keys);
    let pieces = split(&blocks, 2 * inputs.sizes.width, grad);
    let tasks: Vec<_> = blocks.iter().zip(pieces).collect();
    inputs.run_tasks(tasks, |(&(pair, own), grad)| {
        if !accumulate {
            grad.fill(0.0);
        }
        let mut tiles = Tiles::new();
        for head in inputs.heads(pair) {
            for queries in pair.queries.blocks() {
                tiles.fill(head, (queries, own), upstream);
                tiles.add_key_and_value_gradients(head, (queries, own), upstream, grad);
            }
        }
    });
}
