//! Products whose left operand is never whole in memory: it is made a block of rows at a time, in the
//! cache of the core that multiplies it, as the windows of a convolution are.

use std::ops::Range;

use limbeck_engine::chunked;

use super::{
    Matrix,
    memory::{Kept, MADE, RESULT},
    product,
};
#[cfg(target_arch = "x86_64")]
use super::{blocked, tiles};

/// Numbers of a block of [`gemm_made_transposed`], so that it stays in a core's cache.
const BLOCK: usize = 1 << 16;

/// `a b` with a: m x k, b: k x n, a block of rows at a time: `make(task, rows of a)` writes those of
/// a task (`rows(task)` of them, row-major), and `finish(task, rows of the product)` gets the result.
pub fn gemm_made<T: Send>(
    (k, n): (usize, usize),
    b: Matrix<'_>,
    tasks: &mut [T],
    rows: impl Fn(&T) -> usize + Sync + Send,
    make: impl Fn(&T, &mut [f32]) + Sync + Send,
    finish: impl Fn(&mut T, &[f32]) + Sync + Send,
) {
    let m = tasks.iter().map(&rows).sum::<usize>();
    if m == 0 {
        return;
    }
    let multiply = |times: &(dyn Fn(Matrix<'_>, usize, &mut [f32]) + Sync), tasks: &mut [T]| {
        chunked(tasks, 1, m * n * k / 16, |_, task| {
            let task = &mut task[0];
            let rows = rows(task);
            let (mut a, mut c) = (Kept::take(&MADE, rows * k), Kept::take(&RESULT, rows * n));
            make(task, &mut a.get_mut()[..rows * k]);
            times(Matrix::rows(a.get(), k), rows, &mut c.get_mut()[..rows * n]);
            finish(task, &c.get()[..rows * n]);
        });
    };
    #[cfg(target_arch = "x86_64")]
    if let Some(tiles) = tiles()
        && k > 0
    {
        let product = blocked::Blocks::new(tiles, (m, k, n), b);
        return multiply(&|a, rows, c| product.rows(a, 0..rows, c), tasks);
    }
    multiply(
        &|a, rows, c| product((rows, k, n), 1.0, a, b, false, c, n),
        tasks,
    );
}

/// `c = aᵀ b` on the calling thread with a: rows x k, b: rows x n, for the given rows of both:
/// `make(rows, rows of a)` writes a block of a.
pub fn gemm_made_transposed(
    rows: Range<usize>,
    (k, n): (usize, usize),
    b: &[f32],
    c: &mut [f32],
    make: impl Fn(Range<usize>, &mut [f32]),
) {
    if rows.is_empty() {
        c.fill(0.0);
        return;
    }
    let most = (BLOCK / k.max(1)).clamp(32, 512);
    let mut a = Kept::take(&MADE, most * k);
    for first in rows.clone().step_by(most) {
        let block = first..(first + most).min(rows.end);
        let high = block.len();
        make(block, &mut a.get_mut()[..high * k]);
        let left = Matrix::transposed(&a.get()[..high * k], k);
        let right = Matrix::rows(&b[first * n..], n);
        product((k, high, n), 1.0, left, right, first > rows.start, c, n);
    }
}
