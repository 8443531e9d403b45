//! The fast version: one task per block of rows of a sequence, over all heads and all tiles of
//! that sequence. A task writes the rows of its block alone, so no result depends on who computed
//! what.

use limbeck_engine::{Backward, Forward, worth_splitting};
use rayon::prelude::*;

use super::tile::{
    PerQuery, Place, Running, TILE, apply_mask, differentiate, online_softmax, rescale,
    row_products,
};
use super::{Attention, Mask, Sizes};
use crate::shared::gemm::{Matrix, product};
use crate::shared::math;
use crate::shared::reduce::{for_row_blocks, rows_per_task};

/// Rows `first .. first + rows` of a sequence, at most [`TILE`].
#[derive(Clone, Copy)]
struct Block {
    /// First row of the sequence.
    start: usize,
    length: usize,
    sample: u32,
    first: usize,
    rows: usize,
}

impl Block {
    /// The blocks of all sequences, in the order of their rows.
    fn all(operator: &Attention, coordinates: &[u32]) -> Vec<Block> {
        let mut start = 0;
        let mut blocks = Vec::new();
        for &length in operator.lengths.iter() {
            let sample = coordinates[2 * start];
            blocks.extend((0..length).step_by(TILE).map(|first| Block {
                start,
                length,
                sample,
                first,
                rows: TILE.min(length - first),
            }));
            start += length;
        }
        blocks
    }

    /// The blocks of the same sequence, itself among them.
    fn of_sequence(self) -> impl Iterator<Item = Block> {
        let firsts = (0..self.length).step_by(TILE);
        firsts.map(move |first| Block {
            first,
            rows: TILE.min(self.length - first),
            ..self
        })
    }

    /// Its first row among all packed rows.
    fn row(self) -> usize {
        self.start + self.first
    }
}

/// Cuts rows into the pieces that belong to the blocks.
fn split<'m>(blocks: &[Block], columns: usize, mut rows: &'m mut [f32]) -> Vec<&'m mut [f32]> {
    let cut = |block: &Block| {
        let (piece, rest) = std::mem::take(&mut rows).split_at_mut(block.rows * columns);
        rows = rest;
        piece
    };
    blocks.iter().map(cut).collect()
}

/// Calls `body` for every task, on several threads if the arithmetic is worth it.
fn run_tasks<T: Send>(
    operator: &Attention,
    sizes: Sizes,
    tasks: Vec<T>,
    body: impl Fn(T) + Sync + Send,
) {
    // A score touches two rows of every head; the products bring that down by their blocking.
    if worth_splitting(operator.scores() * sizes.width / 8) {
        tasks.into_par_iter().for_each(body);
    } else {
        tasks.into_iter().for_each(body);
    }
}

/// What every task reads.
#[derive(Clone, Copy)]
struct Head<'a> {
    qkv: &'a [f32],
    sizes: Sizes,
    mask: Option<Mask>,
    head: usize,
}

/// Which third of the input.
const Q: usize = 0;
const K: usize = 1;
const V: usize = 2;

impl<'a> Head<'a> {
    /// The first of this head's columns of q, k or v.
    fn column(self, part: usize) -> usize {
        part * self.sizes.width + self.head * self.sizes.head_size
    }

    /// Rows of q, k or v as a matrix.
    fn rows(self, part: usize, block: Block) -> Matrix<'a> {
        let stride = 3 * self.sizes.width;
        let first = block.row() * stride + self.column(part);
        Matrix::strided(&self.qkv[first..], stride, 1)
    }

    fn transposed(self, part: usize, block: Block) -> Matrix<'a> {
        let stride = 3 * self.sizes.width;
        let first = block.row() * stride + self.column(part);
        Matrix::strided(&self.qkv[first..], 1, stride)
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
    }

    fn place(self, queries: Block, keys: Block) -> Place {
        Place {
            mask: self.mask,
            sample: queries.sample,
            head: self.head,
            first_query: queries.first,
            first_key: keys.first,
        }
    }
}

pub(super) fn forward(operator: &Attention, sizes: Sizes, io: &mut Forward<'_, f32>) {
    let (qkv, coordinates, y, lse) = (io.real(0), io.ids(2), io.output(0), io.save(0));
    let mask = operator.mask();
    let blocks = Block::all(operator, coordinates);
    let ys = split(&blocks, sizes.width, y);
    let lses = split(&blocks, sizes.heads, lse);
    let tasks: Vec<_> = blocks.iter().zip(ys).zip(lses).collect();
    run_tasks(operator, sizes, tasks, |((&block, y), lse)| {
        let mut tile = [0.0; TILE * TILE];
        for head in 0..sizes.heads {
            let head = Head {
                qkv,
                sizes,
                mask,
                head,
            };
            forward_block(head, block, &mut tile, (y, lse));
        }
    });
}

/// One head's result for the queries of one block.
fn forward_block(
    head: Head<'_>,
    queries: Block,
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
    for keys in queries.of_sequence() {
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
struct Upstream<'a> {
    dy: &'a [f32],
    lse: &'a [f32],
    d: &'a [f32],
}

pub(super) fn backward(operator: &Attention, sizes: Sizes, io: &mut Backward<'_, f32>) {
    let (qkv, coordinates, y) = (io.real(0), io.ids(2), io.output(0));
    let (dy, lse, d) = (io.upstream(), io.saved(0), io.scratch(0));
    let Some((grad, accumulate)) = io.gradient_slot(0) else {
        return;
    };
    let rows_at_once = rows_per_task(sizes.heads) * sizes.width;
    for_row_blocks(d, sizes.heads, |first, d| {
        let start = first * sizes.width;
        let range = start..(start + rows_at_once).min(y.len());
        row_products(&dy[range.clone()], &y[range], sizes.head_size, d);
    });
    let upstream = Upstream { dy, lse, d };
    let mask = operator.mask();
    let blocks = Block::all(operator, coordinates);
    let pieces = split(&blocks, 3 * sizes.width, grad);
    let tasks: Vec<_> = blocks.iter().zip(pieces).collect();
    run_tasks(operator, sizes, tasks, |(&block, grad)| {
        if !accumulate {
            grad.fill(0.0);
        }
        let mut tiles = Tiles {
            p: [0.0; TILE * TILE],
            ds: [0.0; TILE * TILE],
        };
        for head in 0..sizes.heads {
            let head = Head {
                qkv,
                sizes,
                mask,
                head,
            };
            backward_block(head, block, upstream, &mut tiles, grad);
        }
    });
}

/// Tiles of the backward pass.
struct Tiles {
    p: [f32; TILE * TILE],
    ds: [f32; TILE * TILE],
}

/// Adds one head's dq, dk and dv of the rows of one block: as queries with every block of keys,
/// and as keys with every block of queries.
fn backward_block(
    head: Head<'_>,
    own: Block,
    upstream: Upstream<'_>,
    tiles: &mut Tiles,
    grad: &mut [f32],
) {
    for other in own.of_sequence() {
        tile_gradient(head, (own, other), upstream, tiles);
        add_query_gradient(head, (own, other), tiles, grad);
        if other.first != own.first {
            tile_gradient(head, (other, own), upstream, tiles);
        }
        add_key_and_value_gradients(head, (other, own), upstream, tiles, grad);
    }
}

/// M ∘ P and dS / √s of one tile.
fn tile_gradient(
    head: Head<'_>,
    (queries, keys): (Block, Block),
    upstream: Upstream<'_>,
    tiles: &mut Tiles,
) {
    let count = queries.rows * keys.rows;
    let (p, ds) = (&mut tiles.p[..count], &mut tiles.ds[..count]);
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

impl<'a> Upstream<'a> {
    /// Rows of do as a matrix.
    fn rows(self, head: Head<'_>, block: Block) -> Matrix<'a> {
        let Sizes {
            width, head_size, ..
        } = head.sizes;
        let first = block.row() * width + head.head * head_size;
        Matrix::strided(&self.dy[first..], width, 1)
    }
}

/// dq += dS k / √s.
fn add_query_gradient(
    head: Head<'_>,
    (queries, keys): (Block, Block),
    tiles: &Tiles,
    grad: &mut [f32],
) {
    let stride = 3 * head.sizes.width;
    let shape = (queries.rows, keys.rows, head.sizes.head_size);
    let ds = Matrix::rows(&tiles.ds, keys.rows);
    let dq = &mut grad[head.column(Q)..];
    product(shape, 1.0, ds, head.rows(K, keys), true, dq, stride);
}

/// dk += dSᵀ q / √s and dv += (M ∘ P)ᵀ do.
fn add_key_and_value_gradients(
    head: Head<'_>,
    (queries, keys): (Block, Block),
    upstream: Upstream<'_>,
    tiles: &Tiles,
    grad: &mut [f32],
) {
    let stride = 3 * head.sizes.width;
    let shape = (keys.rows, queries.rows, head.sizes.head_size);
    let ds = Matrix::transposed(&tiles.ds, keys.rows);
    let dk = &mut grad[head.column(K)..];
    product(shape, 1.0, ds, head.rows(Q, queries), true, dk, stride);
    let p = Matrix::transposed(&tiles.p, keys.rows);
    let dv = &mut grad[head.column(V)..];
    product(
        shape,
        1.0,
        p,
        upstream.rows(head, queries),
        true,
        dv,
        stride,
    );
}
