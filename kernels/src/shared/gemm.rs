//! The matrix product on the CPU: one function, cut into blocks of rows that depend on the shape
//! alone.

use limbeck_engine::chunked;

use super::narrow::{Product, narrow_product};
use super::reduce::add_rows;

/// Up to this many rows a product reads its right operand where it lies instead of packing it.
const NARROW: usize = 8;

/// A matrix in someone's memory: element (i, j) is `data[i * row_stride + j * column_stride]`.
/// Overlapping rows are allowed (a convolution reads its windows that way).
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    pub(super) data: &'a [f32],
    pub(super) row_stride: usize,
    pub(super) column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Row-major, `columns` wide.
    pub fn rows(data: &'a [f32], columns: usize) -> Self {
        Matrix {
            data,
            row_stride: columns,
            column_stride: 1,
        }
    }

    /// The transpose of a row-major matrix that is `columns` wide.
    pub fn transposed(data: &'a [f32], columns: usize) -> Self {
        Matrix {
            data,
            row_stride: 1,
            column_stride: columns,
        }
    }

    /// Any strides.
    pub fn strided(data: &'a [f32], row_stride: usize, column_stride: usize) -> Self {
        Matrix {
            data,
            row_stride,
            column_stride,
        }
    }

    /// The matrix without its first `rows` rows.
    pub(super) fn skip_rows(self, rows: usize) -> Self {
        let start = (rows * self.row_stride).min(self.data.len());
        Matrix {
            data: &self.data[start..],
            ..self
        }
    }

    /// The matrix without its first `columns` columns.
    fn skip_columns(self, columns: usize) -> Self {
        let start = (columns * self.column_stride).min(self.data.len());
        Matrix {
            data: &self.data[start..],
            ..self
        }
    }

    fn holds(&self, rows: usize, columns: usize) -> bool {
        rows == 0
            || columns == 0
            || (rows - 1) * self.row_stride + (columns - 1) * self.column_stride < self.data.len()
    }
}

/// A sum over more elements than this is cut into parts of about this length, if it is also long
/// beside the number of rows.
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
pub fn gemm_then(
    (m, k, n): (usize, usize, usize),
    a: Matrix<'_>,
    b: Matrix<'_>,
    accumulate: bool,
    c: &mut [f32],
    finish: impl Fn(usize, &mut [f32]) + Sync + Send,
) {
    assert_eq!(c.len(), m * n, "gemm: the result has not m x n elements");
    assert!(
        a.holds(m, k) && b.holds(k, n),
        "gemm: an operand is smaller than its shape"
    );
    if m == 0 || n == 0 {
        return;
    }
    let rows = rows_per_task(m);
    // A product touches its operands; the work is what the arithmetic is worth in such touches.
    chunked(c, rows * n, m * n * k / 16, |task, block| {
        let first = task * rows;
        let shape = (block.len() / n, k, n);
        product(shape, 1.0, a.skip_rows(first), b, accumulate, block, n);
        finish(first, block);
    });
}

/// [`gemm_then`] with nothing to do afterwards.
pub fn gemm(
    shape: (usize, usize, usize),
    a: Matrix<'_>,
    b: Matrix<'_>,
    accumulate: bool,
    c: &mut [f32],
) {
    let (m, k, _) = shape;
    if k > DEPTH && k >= 2 * m {
        deep(shape, a, b, accumulate, c);
    } else {
        gemm_then(shape, a, b, accumulate, c, |_, _| ());
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
    assert_eq!(c.len(), m * n, "gemm: the result has not m x n elements");
    assert!(
        a.holds(m, k) && b.holds(k, n),
        "gemm: an operand is smaller than its shape"
    );
    let depth = k.div_ceil(k.div_ceil(DEPTH));
    let parts = k.div_ceil(depth);
    let mut sums = vec![0.0; parts * m * n];
    if sums.is_empty() {
        return;
    }
    chunked(&mut sums, m * n, m * n * k / 16, |part, sum| {
        let first = part * depth;
        let shape = (m, depth.min(k - first), n);
        let (a, b) = (a.skip_columns(first), b.skip_rows(first));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_three_loops_in_every_layout() {
        for (m, k, n) in [
            (1, 1, 1),
            (3, 5, 2),
            (130, 7, 9),
            (20, 0, 4),
            (7, 13, 59),
            (17, 33, 40),
            (5, 1100, 3),
            (90, 1100, 100),
        ] {
            let a: Vec<f32> = (0..m * k).map(|i| (i % 7) as f32 - 3.0).collect();
            let b: Vec<f32> = (0..k * n).map(|i| (i % 5) as f32 - 2.0).collect();
            let at: Vec<f32> = (0..m * k)
                .map(|i| a[(i % m.max(1)) * k + i / m.max(1)])
                .collect();
            let expected: Vec<f32> = (0..m * n)
                .map(|i| {
                    1.0 + (0..k)
                        .map(|l| a[i / n * k + l] * b[l * n + i % n])
                        .sum::<f32>()
                })
                .collect();
            for a in [Matrix::rows(&a, k), Matrix::transposed(&at, m)] {
                let mut c = vec![1.0; m * n];
                gemm((m, k, n), a, Matrix::rows(&b, n), true, &mut c);
                assert_eq!(c, expected, "{m} x {k} x {n}: small integers are exact");
            }
        }
    }

    #[test]
    fn a_product_leaves_what_lies_between_its_rows() {
        let (a, b) = ([1.0, 2.0, 3.0, 4.0], [1.0, 0.0, 0.0, 1.0]);
        let (a, b) = (Matrix::rows(&a, 2), Matrix::rows(&b, 2));
        let mut c = [7.0; 5];
        product((2, 2, 2), 2.0, a, b, false, &mut c, 3);
        assert_eq!(c, [2.0, 4.0, 7.0, 6.0, 8.0]);
        product((2, 2, 2), 1.0, a, b, true, &mut c, 3);
        assert_eq!(c, [3.0, 6.0, 7.0, 9.0, 12.0]);
        product((2, 0, 2), 1.0, a, b, false, &mut c, 3);
        assert_eq!(c, [0.0, 0.0, 7.0, 0.0, 0.0]);
    }

    #[test]
    #[should_panic(expected = "smaller than its shape")]
    fn refuses_short_operands() {
        gemm(
            (2, 2, 2),
            Matrix::rows(&[0.0; 3], 2),
            Matrix::rows(&[0.0; 4], 2),
            false,
            &mut [0.0; 4],
        );
    }
}
