//! The fast version: one task per block of rows of a sequence, over all heads and all tiles that
//! its rows belong to. A task writes the rows of its block alone, so no result depends on who
//! computed what.

use limbeck_engine::worth_splitting;
use rayon::prelude::*;

use super::tile::{
    PerQuery, Place, Running, TILE, apply_mask, differentiate, hide_later, online_softmax, rescale,
    row_products,
};
use super::{Mask, Sizes};
use crate::shared::gemm::{Matrix, product};
use crate::shared::math;
use crate::shared::reduce::{for_row_blocks, rows_per_task};

/// The rows of a sequence.
#[derive(Clone, Copy)]
pub(crate) struct Sequence {
    start: usize,
    length: usize,
}

impl Sequence {
    /// Sequences of these lengths, end to end.
    pub(crate) fn all(lengths: &[usize]) -> impl Iterator<Item = Sequence> {
        lengths.iter().scan(0, |next, &length| {
            let start = *next;
            *next += length;
            Some(Sequence { start, length })
        })
    }

    /// Its first row.
    pub(crate) fn start(self) -> usize {
        self.start
    }

    /// Its rows in blocks.
    pub(crate) fn blocks(self) -> impl Iterator<Item = Block> {
        let firsts = (0..self.length).step_by(TILE);
        firsts.map(move |first| Block {
            start: self.start,
            first,
            rows: TILE.min(self.length - first),
        })
    }
}

/// Rows `first .. first + rows` of a sequence, at most [`TILE`].
#[derive(Clone, Copy)]
pub(crate) struct Block {
    /// First row of the sequence.
    start: usize,
    pub(crate) first: usize,
    rows: usize,
}

impl Block {
    /// Its first row among all packed rows.
    fn row(self) -> usize {
        self.start + self.first
    }
}

/// A sequence of queries, and the keys that they see.
#[derive(Clone, Copy)]
pub(crate) struct Pair {
    pub(crate) queries: Sequence,
    pub(crate) keys: Sequence,
    /// Number of the sequences' sample.
    pub(crate) sample: u32,
}

/// Where the rows of q, k or v stand in an input, and those of its gradient.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) values: &'a [f32],
    /// What lies between two rows.
    pub(crate) stride: usize,
    /// Column of the first head.
    pub(crate) first: usize,
}

/// What every task reads.
#[derive(Clone)]
pub(crate) struct Inputs<'a> {
    /// q, k and v.
    pub(crate) parts: [Rows<'a>; 3],
    pub(crate) sizes: Sizes,
    pub(crate) mask: Option<Mask>,
    /// Whether a query sees no key of a later position.
    pub(crate) causal: bool,
    pub(crate) pairs: Vec<Pair>,
}

impl<'a> Inputs<'a> {
    /// The blocks that `sequence` picks of each pair, in the order of their rows.
    pub(crate) fn blocks(&self, sequence: impl Fn(&Pair) -> Sequence) -> Vec<(Pair, Block)> {
        let of_pair = |&pair: &Pair| sequence(&pair).blocks().map(move |block| (pair, block));
        self.pairs.iter().flat_map(of_pair).collect()
    }

    /// Every head of a pair.
    pub(crate) fn heads(&self, pair: Pair) -> impl Iterator<Item = Head<'a>> {
        let (parts, sizes, mask, causal) = (self.parts, self.sizes, self.mask, self.causal);
        (0..sizes.heads).map(move |head| Head {
            parts,
            sizes,
            mask,
            causal,
            sample: pair.sample,
            head,
        })
    }

    /// Calls `body` for every task, on several threads if the arithmetic is worth it.
    pub(crate) fn run_tasks<T: Send>(&self, tasks: Vec<T>, body: impl Fn(T) + Sync + Send) {
        let scores = |pair: &Pair| pair.queries.length * pair.keys.length;
        let scores: usize = self.pairs.iter().map(scores).sum();
        // A score touches two rows of every head; the products bring that down by their blocking.
        if worth_splitting(scores * self.sizes.width / 8) {
            tasks.into_par_iter().for_each(body);
        } else {
            tasks.into_iter().for_each(body);
        }
    }
}

/// Cuts rows into the pieces that belong to the blocks.
pub(crate) fn split<'m>(
    blocks: &[(Pair, Block)],
    columns: usize,
    mut rows: &'m mut [f32],
) -> Vec<&'m mut [f32]> {
    let cut = |(_, block): &(Pair, Block)| {
        let (piece, rest) = std::mem::take(&mut rows).split_at_mut(block.rows * columns);
        rows = rest;
        piece
    };
    blocks.iter().map(cut).collect()
}

/// One head of one pair.
#[derive(Clone, Copy)]
pub(crate) struct Head<'a> {
    parts: [Rows<'a>; 3],
    sizes: Sizes,
    mask: Option<Mask>,
    causal: bool,
    sample: u32,
    head: usize,
}

// The parts.
const Q: usize = 0;
const K: usize = 1;
const V: usize = 2;

impl<'a> Head<'a> {
    /// The first of this head's columns of q, k or v.
    fn column(self, part: usize) -> usize {
        self.parts[part].first + self.head * self.sizes.head_size
    }

    /// From the first element of a block on, and what lies between two rows.
    fn from(self, part: usize, block: Block) -> (&'a [f32], usize) {
        let Rows { values, stride, .. } = self.parts[part];
        (&values[block.row() * stride + self.column(part)..], stride)
    }

    /// Rows of q, k or v as a matrix.
    fn rows(self, part: usize, block: Block) -> Matrix<'a> {
        let (values, stride) = self.from(part, block);
        Matrix::strided(values, stride, 1)
    }

    fn transposed(self, part: usize, block: Block) -> Matrix<'a> {
        let (values, stride) = self.from(part, block);
        Matrix::strided(values, 1, stride)
    }

    /// Whether some query of one block sees some key of another.
    pub(crate) fn sees(self, queries: Block, keys: Block) -> bool {
        !self.causal || keys.first <= queries.first
    }

    /// The scores of the queries of one block and the keys of another.
    fn scores(self, queries: Block, keys: Block, into: &mut [f32]) {
        let shape = (queries.rows, self.sizes.head_size, keys.rows);
        let (q, k) = (self.rows(Q, queries), self.transposed(K, keys));
        product(
            shape,
            self.sizes.scale() as f32,
            q,
            k,
            false,
            into,
            keys.rows,
        );
        // In earlier blocks every key is seen.
        if self.causal && keys.first == queries.first {
            hide_later(into, keys.rows);
        }
    }

    fn place(self, queries: Block, keys: Block) -> Place {
        Place {
            mask: self.mask,
            sample: self.sample,
            head: self.head,
            first_query: queries.first,
            first_key: keys.first,
        }
    }
}

/// The result and lse of every row.
pub(crate) fn forward(inputs: &Inputs<'_>, y: &mut [f32], lse: &mut [f32]) {
    let blocks = inputs.blocks(|pair| pair.queries);
    let ys = split(&blocks, inputs.sizes.width, y);
    let lses = split(&blocks, inputs.sizes.heads, lse);
    let tasks: Vec<_> = blocks.iter().zip(ys).zip(lses).collect();
    inputs.run_tasks(tasks, |((&(pair, block), y), lse)| {
        let mut tile = [0.0; TILE * TILE];
        for head in inputs.heads(pair) {
            forward_block(head, (block, pair.keys), &mut tile, (y, lse));
        }
    });
}

/// One head's result for the queries of one block.
fn forward_block(
    head: Head<'_>,
    (queries, sequence): (Block, Sequence),
    tile: &mut [f32],
    (y, lse): (&mut [f32], &mut [f32]),
) {
    let Sizes {
        heads,
        head_size,
        width,
        ..
    } = head.sizes;
    let mut running = [Running::EMPTY; TILE];
    let running = &mut running[..queries.rows];
    let o = &mut y[head.head * head_size..];
    for keys in sequence.blocks().filter(|&keys| head.sees(queries, keys)) {
        let p = &mut tile[..queries.rows * keys.rows];
        head.scores(queries, keys, p);
        online_softmax(p, keys.rows, running);
        if head.mask.is_some() {
            apply_mask(p, keys.rows, &head.place(queries, keys));
        }
        let later = keys.first > 0;
        if later {
            rescale(o, width, head_size, running);
        }
        let shape = (queries.rows, keys.rows, head_size);
        let p = Matrix::rows(p, keys.rows);
        product(shape, 1.0, p, head.rows(V, keys), later, o, width);
    }
    for row in running.iter_mut() {
        row.factor = 1.0 / row.sum;
    }
    rescale(o, width, head_size, running);
    for (lse, row) in lse.chunks_exact_mut(heads).zip(&*running) {
        lse[head.head] = row.largest + math::ln(row.sum);
    }
}

/// What the backward tasks read besides.
#[derive(Clone, Copy)]
pub(crate) struct Upstream<'a> {
    dy: &'a [f32],
    lse: &'a [f32],
    d: &'a [f32],
}

impl<'a> Upstream<'a> {
    /// Computes D into `d`.
    pub(crate) fn new(
        sizes: Sizes,
        (dy, y): (&'a [f32], &[f32]),
        lse: &'a [f32],
        d: &'a mut [f32],
    ) -> Self {
        let rows_at_once = rows_per_task(sizes.heads) * sizes.width;
        for_row_blocks(d, sizes.heads, |first, d| {
            let start = first * sizes.width;
            let range = start..(start + rows_at_once).min(y.len());
            row_products(&dy[range.clone()], &y[range], sizes.head_size, d);
        });
        Upstream { dy, lse, d }
    }

    /// Rows of do as a matrix.
    fn rows(self, head: Head<'_>, block: Block) -> Matrix<'a> {
        let Sizes {
            width, head_size, ..
        } = head.sizes;
        let first = block.row() * width + head.head * head_size;
        Matrix::strided(&self.dy[first..], width, 1)
    }
}

/// M ∘ P and dS / √s of one tile.
pub(crate) struct Tiles {
    p: [f32; TILE * TILE],
    ds: [f32; TILE * TILE],
}

impl Tiles {
    pub(crate) fn new() -> Self {
        Tiles {
            p: [0.0; TILE * TILE],
            ds: [0.0; TILE * TILE],
        }
    }

    /// Those of the queries of one block and the keys of another.
    pub(crate) fn fill(
        &mut self,
        head: Head<'_>,
        (queries, keys): (Block, Block),
        upstream: Upstream<'_>,
    ) {
        let count = queries.rows * keys.rows;
        let (p, ds) = (&mut self.p[..count], &mut self.ds[..count]);
        head.scores(queries, keys, p);
        let shape = (queries.rows, head.sizes.head_size, keys.rows);
        let (dy, v) = (upstream.rows(head, queries), head.transposed(V, keys));
        product(shape, 1.0, dy, v, false, ds, keys.rows);
        let (stride, scale) = (head.sizes.heads, head.sizes.scale() as f32);
        let at = queries.row() * stride + head.head;
        let per_query = PerQuery {
            lse: &upstream.lse[at..],
            d: &upstream.d[at..],
            stride,
        };
        let place = head.place(queries, keys);
        differentiate(p, ds, keys.rows, scale, per_query, &place);
    }

    /// dq += dS k / √s, in the gradient's rows of the block of queries.
    pub(crate) fn add_query_gradient(
        &self,
        head: Head<'_>,
        (queries, keys): (Block, Block),
        grad: &mut [f32],
    ) {
        let stride = head.parts[Q].stride;
        let shape = (queries.rows, keys.rows, head.sizes.head_size);
        let ds = Matrix::rows(&self.ds, keys.rows);
        let dq = &mut grad[head.column(Q)..];
        product(shape, 1.0, ds, head.rows(K, keys), true, dq, stride);
    }

    /// dk += dSᵀ q / √s and dv += (M ∘ P)ᵀ do, in the gradient's rows of the block of keys.
    pub(crate) fn add_key_and_value_gradients(
        &self,
        head: Head<'_>,
        (queries, keys): (Block, Block),
        upstream: Upstream<'_>,
        grad: &mut [f32],
    ) {
        let shape = (keys.rows, queries.rows, head.sizes.head_size);
        let ds = Matrix::transposed(&self.ds, keys.rows);
        let (q, dk) = (head.rows(Q, queries), &mut grad[head.column(K)..]);
        product(shape, 1.0, ds, q, true, dk, head.parts[K].stride);
        let p = Matrix::transposed(&self.p, keys.rows);
        let (dy, dv) = (upstream.rows(head, queries), &mut grad[head.column(V)..]);
        product(shape, 1.0, p, dy, true, dv, head.parts[V].stride);
    }
}
