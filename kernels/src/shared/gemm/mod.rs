//! The matrix product on the CPU, cut into blocks that depend on the shape alone.
//!
//! With AVX2 and AVX-512 the kernels are our own: `tile` multiplies what fits the registers, `pack`
//! copies operands into the order it reads them in, `blocked` cuts the product into tasks. Elsewhere
//! the crate `matrixmultiply` multiplies the blocks.

#[cfg(target_arch = "x86_64")]
mod blocked;
mod made;
mod matrix;
mod memory;
#[cfg(target_arch = "x86_64")]
mod pack;
mod prepared;
#[cfg(target_arch = "x86_64")]
mod tile;
#[cfg(target_arch = "x86_64")]
mod vector;

use std::ops::Range;

#[cfg(target_arch = "x86_64")]
use limbeck_engine::{InstructionSet, instruction_set};
use limbeck_engine::{chunked, chunked_pair};

use super::narrow::{Product, narrow_product};
use super::reduce::add_rows;

use memory::{Kept, RESULT};

pub use made::{gemm_made, gemm_made_transposed};
pub use matrix::Matrix;
pub use prepared::{Operand, Prepared};

/// Up to this many rows a product reads its right operand where it lies instead of packing it.
const NARROW: usize = 8;

/// A product of fewer rows and columns has too few tasks: if its sums are longer than [`DEPTH`], it
/// is cut along them.
const FEW_ROWS: usize = 128;

/// About the length of the parts.
const DEPTH: usize = 512;

/// Elements of the result per task where parts are added.
const BLOCK: usize = 8192;

/// Rows of `c` per task: every task packs the right operand for itself, which many rows pay for.
fn rows_per_task(m: usize) -> usize {
    m.div_ceil(8).next_multiple_of(8).clamp(32, 256)
}

/// `c = a b` (or `c += a b`) with a: m x k, b: k x n, c: row-major m x n. After each block of
/// rows of `c` is complete, `finish(first row, block)` runs on it while it is still in cache:
/// bias, activation and the like.
pub fn gemm_then<'b>(
    shape: (usize, usize, usize),
    a: Matrix<'_>,
    b: impl Into<Operand<'b>>,
    accumulate: bool,
    c: &mut [f32],
    finish: impl Fn(usize, &mut [f32]) + Sync + Send,
) {
    // Takes no memory.
    let mut nothing = vec![(); c.len()];
    let finish = |first: usize, c: &mut [f32], _: &mut [()]| finish(first, c);
    gemm_beside(shape, a, b, accumulate, (c, &mut nothing), finish);
}

/// [`gemm_then`] with a second array of the size of `c`, of which `finish` gets the same block.
pub fn gemm_beside<'b, T: Send>(
    (m, k, n): (usize, usize, usize),
    a: Matrix<'_>,
    b: impl Into<Operand<'b>>,
    accumulate: bool,
    (c, beside): (&mut [f32], &mut [T]),
    finish: impl Fn(usize, &mut [f32], &mut [T]) + Sync + Send,
) {
    let b = b.into();
    check((m, k, n), a, b.matrix, c);
    assert_eq!(
        c.len(),
        beside.len(),
        "gemm: two results of different sizes"
    );
    if m == 0 || n == 0 {
        return;
    }
    #[cfg(target_arch = "x86_64")]
    if let Some(tiles) = tiles()
        && k > 0
    {
        return blocked::gemm_beside(tiles, (m, k, n), a, b, accumulate, (c, beside), finish);
    }
    let rows = rows_per_task(m);
    // A product touches its operands; the work is what the arithmetic is worth in such touches.
    let work = m * n * k / 16;
    chunked_pair((c, beside), rows * n, work, |task, block, beside| {
        let first = task * rows;
        let shape = (block.len() / n, k, n);
        product(shape, 1.0, a.skip(first, 0), b.matrix, accumulate, block, n);
        finish(first, block, beside);
    });
}

/// A product of which no more than a block at a time is wanted: for each task the rows of `a` it
/// names are multiplied by b (k x n) in memory of the thread, and `finish` gets the result. The
/// product of a single task is shared out over threads.
pub fn gemm_blocks<'b, T: Send>(
    (k, n): (usize, usize),
    a: Matrix<'_>,
    b: impl Into<Operand<'b>>,
    tasks: &mut [T],
    rows: impl Fn(&T) -> Range<usize> + Sync + Send,
    finish: impl Fn(&mut T, &mut [f32]) + Sync + Send,
) {
    let b = b.into();
    if let [task] = tasks {
        let Range { start, end } = rows(task);
        let len = (end - start) * n;
        let mut block = Kept::take(&RESULT, len);
        let block = &mut block.get_mut()[..len];
        gemm_then(
            (end - start, k, n),
            a.skip(start, 0),
            b,
            false,
            block,
            |_, _| (),
        );
        return finish(task, block);
    }
    let m = tasks.iter().map(|task| rows(task).len()).sum::<usize>();
    let multiply = |multiply: &(dyn Fn(Range<usize>, &mut [f32]) + Sync), tasks: &mut [T]| {
        chunked(tasks, 1, m * n * k / 16, |_, task| {
            let rows = rows(&task[0]);
            let len = rows.len() * n;
            let mut block = Kept::take(&RESULT, len);
            multiply(rows, &mut block.get_mut()[..len]);
            finish(&mut task[0], &mut block.get_mut()[..len]);
        });
    };
    #[cfg(target_arch = "x86_64")]
    if let Some(tiles) = tiles()
        && k > 0
    {
        let product = blocked::Blocks::new(tiles, (m, k, n), b);
        return multiply(&|rows, c| product.rows(a, rows, c), tasks);
    }
    let one = |rows: Range<usize>, c: &mut [f32]| {
        product(
            (rows.len(), k, n),
            1.0,
            a.skip(rows.start, 0),
            b.matrix,
            false,
            c,
            n,
        );
    };
    multiply(&one, tasks);
}

/// [`gemm_then`] with nothing to do afterwards.
pub fn gemm(
    shape: (usize, usize, usize),
    a: Matrix<'_>,
    b: Matrix<'_>,
    accumulate: bool,
    c: &mut [f32],
) {
    let (m, k, n) = shape;
    if m <= FEW_ROWS && n <= FEW_ROWS && k > DEPTH {
        deep(shape, a, b, accumulate, c);
    } else {
        gemm_then(shape, a, b, accumulate, c, |_, _| ());
    }
}

/// A right operand of many products one after another, as the recurrent weights are over the steps of
/// a sequence: it is packed once.
pub struct Reused<'a> {
    b: Matrix<'a>,
    shape: (usize, usize),
    #[cfg(target_arch = "x86_64")]
    packed: Option<blocked::Reused<'static>>,
}

impl<'a> Reused<'a> {
    /// b, k x n, for products with up to `rows` rows each.
    pub fn new(rows: usize, (k, n): (usize, usize), b: Matrix<'a>) -> Self {
        assert!(b.holds(k, n), "gemm: an operand is smaller than its shape");
        // Elsewhere nothing is packed beforehand.
        #[cfg(not(target_arch = "x86_64"))]
        let _ = rows;
        Reused {
            b,
            shape: (k, n),
            #[cfg(target_arch = "x86_64")]
            packed: tiles()
                .filter(|_| k > 0 && n > 0 && (rows > NARROW || b.column_stride != 1))
                .map(|tiles| blocked::Reused::new(tiles, (k, n), b)),
        }
    }

    /// `c = a b` (or `c += a b`) with a: m x k, c: row-major m x n.
    pub fn times(&self, m: usize, a: Matrix<'_>, accumulate: bool, c: &mut [f32]) {
        let (k, n) = self.shape;
        #[cfg(target_arch = "x86_64")]
        if let Some(packed) = &self.packed {
            check((m, k, n), a, self.b, c);
            return packed.times(m, a, accumulate, c);
        }
        gemm((m, k, n), a, self.b, accumulate, c);
    }
}

/// A product with few rows and long sums, as gradients of weights are: rows would be too few tasks,
/// each packing all of the right operand. The sums are cut instead, where the shape says, and the
/// parts added in order; no element of either operand is packed twice.
fn deep(
    (m, k, n): (usize, usize, usize),
    a: Matrix<'_>,
    b: Matrix<'_>,
    accumulate: bool,
    c: &mut [f32],
) {
    check((m, k, n), a, b, c);
    let depth = k.div_ceil(k.div_ceil(DEPTH));
    let parts = k.div_ceil(depth);
    let mut sums = vec![0.0; parts * m * n];
    if sums.is_empty() {
        return;
    }
    chunked(&mut sums, m * n, m * n * k / 16, |part, sum| {
        let first = part * depth;
        let shape = (m, depth.min(k - first), n);
        let (a, b) = (a.skip(0, first), b.skip(first, 0));
        product(shape, 1.0, a, b, false, sum, n);
    });
    chunked(c, BLOCK, sums.len(), |block, c| {
        if !accumulate {
            c.fill(0.0);
        }
        for sum in sums.chunks_exact(m * n) {
            add_rows(c, &sum[block * BLOCK..][..c.len()]);
        }
    });
}

/// `c = alpha a b` (or `c += alpha a b`) on the calling thread: for blocks of a larger task. Row i
/// of the result starts at `c[i * c_stride]`.
pub fn product(
    (m, k, n): (usize, usize, usize),
    alpha: f32,
    a: Matrix<'_>,
    b: Matrix<'_>,
    accumulate: bool,
    c: &mut [f32],
    c_stride: usize,
) {
    if m == 0 || n == 0 {
        return;
    }
    assert!(
        n <= c_stride && (m - 1) * c_stride + n <= c.len(),
        "gemm: the result does not fit"
    );
    if k == 0 {
        if !accumulate {
            c.chunks_mut(c_stride)
                .take(m)
                .for_each(|row| row[..n].fill(0.0));
        }
        return;
    }
    assert!(
        a.holds(m, k) && b.holds(k, n),
        "gemm: an operand is smaller than its shape"
    );
    if m <= NARROW && b.column_stride == 1 {
        let product = Product {
            shape: (m, k, n),
            alpha,
            accumulate,
        };
        narrow_product(product, a, (b.data, b.row_stride), (c, c_stride));
        return;
    }
    #[cfg(target_arch = "x86_64")]
    if let Some(tiles) = tiles() {
        let target = tile::Target {
            c,
            stride: c_stride,
            alpha,
            accumulate,
        };
        return blocked::product(tiles, (m, k, n), a, b, target);
    }
    let beta = if accumulate { 1.0 } else { 0.0 };
    #[allow(unsafe_code)]
    // SAFETY: the assertions above say that every element the strides can reach lies inside its
    // slice; `c` is borrowed mutably, so it overlaps neither operand, and `n <= c_stride` keeps
    // its rows apart.
    unsafe {
        matrixmultiply::sgemm(
            m,
            k,
            n,
            alpha,
            a.data.as_ptr(),
            a.row_stride as isize,
            a.column_stride as isize,
            b.data.as_ptr(),
            b.row_stride as isize,
            b.column_stride as isize,
            beta,
            c.as_mut_ptr(),
            c_stride as isize,
            1,
        );
    }
}

fn check((m, k, n): (usize, usize, usize), a: Matrix<'_>, b: Matrix<'_>, c: &[f32]) {
    assert_eq!(c.len(), m * n, "gemm: the result has not m x n elements");
    assert!(
        a.holds(m, k) && b.holds(k, n),
        "gemm: an operand is smaller than its shape"
    );
}

/// The tiles of the instruction set in use.
#[cfg(target_arch = "x86_64")]
fn tiles() -> Option<tile::Tiles> {
    match instruction_set() {
        InstructionSet::Avx512 => Some(tile::Tiles::Avx512),
        InstructionSet::Avx2 => Some(tile::Tiles::Avx2),
        InstructionSet::Portable => None,
    }
}

#[cfg(test)]
mod tests;
