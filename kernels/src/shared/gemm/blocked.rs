//! The product with tiles of our own: the right operand is packed once for all rows, the left one
//! block by block as it is used.

use std::ops::Range;

use limbeck_engine::{chunked, chunked_pair};

use super::matrix::Matrix;
use super::memory::{Kept, LEFT, RESULT};
use super::pack::{DEPTH, Left, Right};
use super::prepared::Operand;
use super::tile::{Panel, Target, Tiles};
use crate::shared::reduce;

/// Numbers of the right operand that are packed together and read by all threads, panel by panel.
const SHARED: usize = 1024 * 1024;

/// The same for a product on one thread: small enough for its second-level cache.
const OWN: usize = 192 * 1024;

/// Rows of the right operand that are packed together: a whole number of passes.
const DEEP: usize = 4 * DEPTH;

/// Groups of a tile's rows per task: enough that a panel of the right operand pays for its way into
/// the first-level cache, few enough that the block of the left one stays in the second.
const GROUPS: usize = 8;

/// Up to this many groups of a tile's rows the right operand is read where it lies: its copy would
/// cost more than it brings.
const IN_PLACE: usize = 6;

/// A product over several threads; see [`super::gemm_beside`].
pub(super) fn gemm_beside<T: Send>(
    tiles: Tiles,
    (m, k, n): (usize, usize, usize),
    a: Matrix<'_>,
    b: Operand<'_>,
    accumulate: bool,
    (c, beside): (&mut [f32], &mut [T]),
    finish: impl Fn(usize, &mut [f32], &mut [T]) + Sync + Send,
) {
    if has_better_columns((m, k, n), tiles) {
        return by_columns(tiles, (m, k, n), a, b, accumulate, (c, beside), finish);
    }
    let rows = rows_per_task(m, tiles);
    for part in parts((k, n), SHARED, tiles) {
        let right = part.right(m, b, tiles, true);
        // A product touches its operands; the work is what the arithmetic is worth in touches.
        let work = m * part.size() / 16;
        chunked_pair(
            (&mut *c, &mut *beside),
            rows * n,
            work,
            |task, block, beside| {
                let high = block.len() / n;
                let target = Target {
                    c: &mut block[part.first_column..],
                    stride: n,
                    alpha: 1.0,
                    accumulate: accumulate || part.first_row > 0,
                };
                let a = a.skip(task * rows, part.first_row);
                rows_times(tiles, (high, part.rows), a, &right, target);
                if part.last {
                    finish(task * rows, block, beside);
                }
            },
        );
    }
}

/// A product on the calling thread; see [`super::product`].
pub(super) fn product(
    tiles: Tiles,
    (m, k, n): (usize, usize, usize),
    a: Matrix<'_>,
    b: Matrix<'_>,
    target: Target<'_>,
) {
    let rows = GROUPS * tiles.rows();
    for part in parts((k, n), OWN, tiles) {
        let right = part.right(m, b.into(), tiles, false);
        for first in (0..m).step_by(rows) {
            let target = Target {
                c: &mut target.c[first * target.stride + part.first_column..],
                accumulate: target.accumulate || part.first_row > 0,
                ..target
            };
            let a = a.skip(first, part.first_row);
            rows_times(tiles, (rows.min(m - first), part.rows), a, &right, target);
        }
    }
}

/// A product whose right operand is packed whole, and whose rows are computed when they are wanted;
/// see [`super::gemm_blocks`].
pub(super) struct Blocks<'a> {
    tiles: Tiles,
    right: Right<'a>,
    k: usize,
    n: usize,
}

impl<'a> Blocks<'a> {
    /// For m rows in all, b k x n.
    pub(super) fn new(
        tiles: Tiles,
        (m, k, n): (usize, usize, usize),
        b: impl Into<Operand<'a>>,
    ) -> Self {
        let whole = Part {
            first_row: 0,
            rows: k,
            first_column: 0,
            columns: n,
            last: true,
        };
        Self {
            tiles,
            right: whole.right(m, b.into(), tiles, true),
            k,
            n,
        }
    }

    /// These rows of the product.
    pub(super) fn rows(&self, a: Matrix<'_>, rows: Range<usize>, c: &mut [f32]) {
        let high = GROUPS * self.tiles.rows();
        for (block, c) in c.chunks_mut(high * self.n).enumerate() {
            let target = Target {
                stride: self.n,
                alpha: 1.0,
                accumulate: false,
                c,
            };
            let shape = (target.c.len() / self.n, self.k);
            let a = a.skip(rows.start + block * high, 0);
            rows_times(self.tiles, shape, a, &self.right, target);
        }
    }
}

/// A part of the right operand that is packed at once.
struct Part {
    first_row: usize,
    rows: usize,
    first_column: usize,
    columns: usize,
    /// Whether the product is complete after it.
    last: bool,
}

/// The right operand, k x n, in parts of at most `limit` numbers: columns after columns, those of
/// one block from the first row to the last.
fn parts((k, n): (usize, usize), limit: usize, tiles: Tiles) -> impl Iterator<Item = Part> {
    let width = tiles.width();
    let columns = (limit / k.min(DEEP) / width).max(1) * width;
    (0..n).step_by(columns).flat_map(move |first_column| {
        (0..k).step_by(DEEP).map(move |first_row| Part {
            first_row,
            rows: DEEP.min(k - first_row),
            first_column,
            columns: columns.min(n - first_column),
            last: first_column + columns >= n && first_row + DEEP >= k,
        })
    })
}

impl Part {
    fn size(&self) -> usize {
        self.rows * self.columns
    }

    /// The part itself, packed if it serves enough rows of the result and was not packed before.
    fn right<'a>(&self, m: usize, b: Operand<'a>, tiles: Tiles, parallel: bool) -> Right<'a> {
        if let Some(panels) = b.panels(tiles) {
            let columns = self.first_column..self.first_column + self.columns;
            return Right::before(panels, self.first_row, columns);
        }
        let b = b.matrix.skip(self.first_row, self.first_column);
        if b.column_stride == 1 && m <= IN_PLACE * tiles.rows() {
            Right::in_place(self.columns, b, tiles)
        } else {
            Right::pack((self.rows, self.columns), b, tiles, parallel)
        }
    }
}

/// Whether columns are the better tasks, which they are for few rows that fit the cache as a whole:
/// if the sums are long, as in gradients of weights, or if rows would not be tasks enough.
fn has_better_columns((m, k, n): (usize, usize, usize), tiles: Tiles) -> bool {
    let long_sums = m <= 512 && k >= 2 * m && n >= 8 * tiles.width();
    let few_rows = m <= IN_PLACE * tiles.rows() && n >= 4 * tiles.width();
    long_sums || few_rows
}

/// A product with few rows over several threads, each task with columns of its own.
fn by_columns<T: Send>(
    tiles: Tiles,
    (m, k, n): (usize, usize, usize),
    a: Matrix<'_>,
    b: Operand<'_>,
    accumulate: bool,
    (c, beside): (&mut [f32], &mut [T]),
    finish: impl Fn(usize, &mut [f32], &mut [T]) + Sync + Send,
) {
    let mut sums = Kept::take(&RESULT, panelled(m, n, tiles));
    let sums = &mut sums.get_mut()[..panelled(m, n, tiles)];
    // Of the right operand each task packs the columns that its next pass needs, and uses them from
    // the first-level cache.
    column_sums(tiles, (m, k, n), a, sums, |part, each| {
        for (column, panel) in part.right(m, b, tiles, false).panels(0) {
            each(column, panel);
        }
    });
    put_together(tiles, (m, n), sums, accumulate, (c, beside), finish);
}

/// Numbers of a result that is made by columns: blocks of two tiles' width, one after another.
fn panelled(m: usize, n: usize, tiles: Tiles) -> usize {
    n.next_multiple_of(2 * tiles.width()) * m
}

/// Fills the blocks of a result that is made by columns. The left operand is packed once for all;
/// `panels` gives those of a part of the right one.
fn column_sums(
    tiles: Tiles,
    (m, k, n): (usize, usize, usize),
    a: Matrix<'_>,
    sums: &mut [f32],
    panels: impl Fn(&Part, &mut dyn FnMut(usize, Panel<'_>)) + Sync + Send,
) {
    let width = 2 * tiles.width();
    let (len, passes) = (Left::len(m, tiles), k.div_ceil(DEPTH));
    let depth = |pass: usize| DEPTH.min(k - pass * DEPTH);
    let mut memory = Kept::take(&LEFT, passes * len);
    let lefts = &mut memory.get_mut()[..passes * len];
    chunked(lefts, len, m * k, |pass, into| {
        Left::pack((m, depth(pass)), a.skip(0, pass * DEPTH), tiles, into);
    });
    chunked(sums, width * m, m * n * k / 16, |task, sums| {
        for (pass, left) in lefts.chunks(len).enumerate() {
            let part = Part {
                first_row: pass * DEPTH,
                rows: depth(pass),
                first_column: task * width,
                columns: width.min(n - task * width),
                last: pass + 1 == passes,
            };
            panels(&part, &mut |column, panel| {
                let mut target = Target {
                    c: &mut sums[column..],
                    stride: width,
                    alpha: 1.0,
                    accumulate: pass > 0,
                };
                tiles.multiply((m, part.rows), Left::packed(a, left), panel, &mut target);
            });
        }
    });
}

/// Copies (or adds) the blocks of a result that was made by columns to where they belong.
fn put_together<T: Send>(
    tiles: Tiles,
    (m, n): (usize, usize),
    sums: &[f32],
    accumulate: bool,
    (c, beside): (&mut [f32], &mut [T]),
    finish: impl Fn(usize, &mut [f32], &mut [T]) + Sync + Send,
) {
    let width = 2 * tiles.width();
    let rows = reduce::rows_per_task(n);
    chunked_pair((c, beside), rows * n, m * n, |task, block, beside| {
        for (row, c) in block.chunks_exact_mut(n).enumerate() {
            for (panel, c) in c.chunks_mut(width).enumerate() {
                let from = (panel * m + task * rows + row) * width;
                let sums = &sums[from..from + c.len()];
                if accumulate {
                    reduce::add_rows(c, sums);
                } else {
                    c.copy_from_slice(sums);
                }
            }
        }
        finish(task * rows, block, beside);
    });
}

/// A right operand that is packed once for many products; see [`super::Reused`].
pub(super) struct Reused<'a> {
    tiles: Tiles,
    right: Right<'a>,
    k: usize,
    n: usize,
}

impl Reused<'_> {
    /// Packs b, k x n.
    pub(super) fn new(tiles: Tiles, (k, n): (usize, usize), b: Matrix<'_>) -> Self {
        Self {
            tiles,
            right: Right::pack((k, n), b, tiles, true),
            k,
            n,
        }
    }

    /// `c = a b` (or `c += a b`) with a: m x k.
    pub(super) fn times(&self, m: usize, a: Matrix<'_>, accumulate: bool, c: &mut [f32]) {
        let (tiles, k, n) = (self.tiles, self.k, self.n);
        let mut sums = Kept::take(&RESULT, panelled(m, n, tiles));
        let sums = &mut sums.get_mut()[..panelled(m, n, tiles)];
        column_sums(tiles, (m, k, n), a, sums, |part, each| {
            let columns = part.first_column..part.first_column + part.columns;
            for (column, panel) in self.right.panels_of(part.first_row, columns) {
                each(column - part.first_column, panel);
            }
        });
        // Takes no memory.
        let mut nothing = vec![(); c.len()];
        put_together(
            tiles,
            (m, n),
            sums,
            accumulate,
            (c, &mut nothing),
            |_, _, _| (),
        );
    }
}

/// Rows of the result per task: what [`GROUPS`] says, less where that would be fewer than sixteen
/// tasks.
fn rows_per_task(m: usize, tiles: Tiles) -> usize {
    let groups = m.div_ceil(16 * tiles.rows()).clamp(2, GROUPS);
    groups * tiles.rows()
}

/// `target = alpha a right` (or `+=`), the sums in passes of [`DEPTH`].
fn rows_times(
    tiles: Tiles,
    (rows, k): (usize, usize),
    a: Matrix<'_>,
    right: &Right<'_>,
    target: Target<'_>,
) {
    let mut memory = Kept::take(&LEFT, Left::len(rows, tiles));
    for first in (0..k).step_by(DEPTH) {
        let depth = DEPTH.min(k - first);
        let left = Left::pack((rows, depth), a.skip(0, first), tiles, memory.get_mut());
        for (column, panel) in right.panels(first) {
            let mut target = Target {
                c: &mut target.c[column..],
                accumulate: target.accumulate || first > 0,
                ..target
            };
            tiles.multiply((rows, depth), left, panel, &mut target);
        }
    }
}
