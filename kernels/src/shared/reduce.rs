//! Reductions in a fixed order: sixteen virtual lanes, then a fixed tree, whatever the width of
//! the machine's registers.

use limbeck_engine::{chunked, worth_splitting};
use rayon::prelude::*;

use super::simd::vectorised;

const LANES: usize = 16;
/// Rows that one task sums; depends on nothing, so the order of a sum does not either.
const ROWS: usize = 64;

/// Joins sixteen lanes pairwise.
#[inline(always)]
fn tree(mut lanes: [f32; LANES], join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] = join(lanes[i], lanes[i + width]);
        }
        width /= 2;
    }
    lanes[0]
}

/// Rows that are read side by side: a slice, or a pair of such. The first one has the length; the others
/// may be longer.
///
/// A sum takes sixteen elements of each at once and checks bounds once for them: a check for every element
/// would keep the compiler from using vector registers.
pub(crate) trait Rows: Copy {
    /// One of each.
    type Element;
    /// Sixteen of each.
    type Block: Copy;

    /// Number of elements.
    fn len(self) -> usize;

    /// Those from number `start` on.
    fn block(self, start: usize) -> Self::Block;

    /// One of a block.
    fn of_block(block: &Self::Block, lane: usize) -> Self::Element;

    /// One of all.
    fn element(self, i: usize) -> Self::Element;
}

impl<A: Copy> Rows for &[A] {
    type Element = A;
    type Block = [A; LANES];

    #[inline(always)]
    fn len(self) -> usize {
        self.len()
    }

    #[inline(always)]
    fn block(self, start: usize) -> [A; LANES] {
        *self[start..].first_chunk().expect("a whole block")
    }

    #[inline(always)]
    fn of_block(block: &[A; LANES], lane: usize) -> A {
        block[lane]
    }

    #[inline(always)]
    fn element(self, i: usize) -> A {
        self[i]
    }
}

impl<R: Rows, S: Rows> Rows for (R, S) {
    type Element = (R::Element, S::Element);
    type Block = (R::Block, S::Block);

    #[inline(always)]
    fn len(self) -> usize {
        self.0.len()
    }

    #[inline(always)]
    fn block(self, start: usize) -> Self::Block {
        (self.0.block(start), self.1.block(start))
    }

    #[inline(always)]
    fn of_block((first, second): &Self::Block, lane: usize) -> Self::Element {
        (R::of_block(first, lane), S::of_block(second, lane))
    }

    #[inline(always)]
    fn element(self, i: usize) -> Self::Element {
        (self.0.element(i), self.1.element(i))
    }
}

/// The number of each element, beside rows that have a length.
#[derive(Clone, Copy)]
pub(crate) struct Numbers;

impl Rows for Numbers {
    type Element = u32;
    /// The first one's.
    type Block = u32;

    #[inline(always)]
    fn len(self) -> usize {
        usize::MAX
    }

    #[inline(always)]
    fn block(self, start: usize) -> u32 {
        start as u32
    }

    #[inline(always)]
    fn of_block(&start: &u32, lane: usize) -> u32 {
        start + lane as u32
    }

    #[inline(always)]
    fn element(self, i: usize) -> u32 {
        i as u32
    }
}

/// Sum of `term` over the elements of some rows.
#[inline(always)]
pub(crate) fn sum_of<R: Rows>(rows: R, term: impl Fn(R::Element) -> f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let whole = rows.len() / LANES * LANES;
    for start in (0..whole).step_by(LANES) {
        let block = rows.block(start);
        for (l, lane) in lanes.iter_mut().enumerate() {
            *lane += term(R::of_block(&block, l));
        }
    }
    for i in whole..rows.len() {
        lanes[i - whole] += term(rows.element(i));
    }
    tree(lanes, |a, b| a + b)
}

/// Sum of a row.
#[inline(always)]
pub fn sum(row: &[f32]) -> f32 {
    sum_of(row, |x| x)
}

/// Inner product of two rows of equal length.
#[inline(always)]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    sum_of((a, b), |(a, b)| a * b)
}

/// The largest element; NaN if there is one; minus infinity of an empty row.
#[inline(always)]
pub fn max(row: &[f32]) -> f32 {
    let pick = |a: f32, b: f32| if a > b || a.is_nan() { a } else { b };
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let mut chunks = row.chunks_exact(LANES);
    for chunk in &mut chunks {
        for l in 0..LANES {
            lanes[l] = pick(lanes[l], chunk[l]);
        }
    }
    for (lane, &value) in lanes.iter_mut().zip(chunks.remainder()) {
        *lane = pick(*lane, value);
    }
    tree(lanes, pick)
}

vectorised! {
    /// `into[c] += sum over rows of rows[r * columns + c]`.
    pub(crate) fn add_rows(into: &mut [f32], rows: &[f32]) {
        for row in rows.chunks_exact(into.len()) {
            for (a, b) in into.iter_mut().zip(row) {
                *a += b;
            }
        }
    }
}

/// `into[c] += sum of column c` (bias gradients): blocks of 64 rows, then the blocks in order.
pub fn add_column_sums(into: &mut [f32], rows: &[f32]) {
    let columns = into.len();
    if columns == 0 {
        return;
    }
    let block = |rows: &[f32]| {
        let mut sums = vec![0.0; columns];
        add_rows(&mut sums, rows);
        sums
    };
    let partial: Vec<Vec<f32>> = if worth_splitting(rows.len()) {
        rows.par_chunks(ROWS * columns).map(block).collect()
    } else {
        rows.chunks(ROWS * columns).map(block).collect()
    };
    for sums in &partial {
        add_rows(into, sums);
    }
}

/// Rows that one task of a row-wise kernel handles: about 16 KiB of them.
pub fn rows_per_task(columns: usize) -> usize {
    (4096 / columns.max(1)).max(1)
}

/// Calls `body(first row, rows)` for blocks of rows of `out`, in parallel when worth it.
pub fn for_row_blocks(
    out: &mut [f32],
    columns: usize,
    body: impl Fn(usize, &mut [f32]) + Sync + Send,
) {
    let rows = rows_per_task(columns);
    let work = out.len();
    chunked(out, rows * columns, work, |task, block| {
        body(task * rows, block)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_do_not_depend_on_the_tail() {
        for len in [0, 1, 15, 16, 17, 100] {
            let row: Vec<f32> = (0..len).map(|i| i as f32).collect();
            assert_eq!(sum(&row), (0..len).sum::<usize>() as f32);
            assert_eq!(
                max(&row),
                if len == 0 {
                    f32::NEG_INFINITY
                } else {
                    (len - 1) as f32
                }
            );
            assert_eq!(
                dot(&row, &row),
                (0..len).map(|i| i * i).sum::<usize>() as f32
            );
        }
    }

    #[test]
    fn max_finds_nan_in_every_place() {
        for at in 0..40 {
            let mut row = vec![1.0; 40];
            row[at] = f32::NAN;
            assert!(max(&row).is_nan(), "NaN at {at}");
        }
    }

    #[test]
    fn column_sums_of_many_rows() {
        let rows: Vec<f32> = (0..200 * 3).map(|i| (i % 3) as f32).collect();
        let mut sums = [1.0; 3];
        add_column_sums(&mut sums, &rows);
        assert_eq!(sums, [1.0, 201.0, 401.0]);
    }
}
