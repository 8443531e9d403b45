//! Matrix products of few rows: one text, a short batch.
//!
//! A packed product first copies the right operand into the order its inner loop reads, which pays
//! off over many rows alone. With a few rows the copy costs more than the arithmetic. Here the
//! right operand is read where it lies, once for every four rows of the result.

#[cfg(target_arch = "x86_64")]
use limbeck_engine::{InstructionSet, instruction_set};

use super::gemm::Matrix;

/// Rows of the result that are computed together. With eight, 32 columns wide, the compiler no
/// longer keeps the sums in registers (10 GFLOP/s in place of 59 on one AVX-512 core).
const ROWS: usize = 4;

/// A product's sizes, its factor, and whether it is added to the result.
#[derive(Clone, Copy)]
pub(super) struct Product {
    pub(super) shape: (usize, usize, usize),
    pub(super) alpha: f32,
    pub(super) accumulate: bool,
}

/// `c = alpha a b` (or `c += alpha a b`), b row-major with rows `b_stride` apart, row i of c at
/// `c[i * c_stride]`. Every element sums over k in order, whatever the shape; with fused
/// multiply-add where the machine has it, as in the packed product.
pub(super) fn narrow_product(
    product: Product,
    a: Matrix<'_>,
    (b, b_stride): (&[f32], usize),
    (c, c_stride): (&mut [f32], usize),
) {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512vl,avx2,fma")]
        fn avx512(product: Product, a: Matrix<'_>, b: (&[f32], usize), c: (&mut [f32], usize)) {
            tiles::<true>(product, a, b, c);
        }
        #[target_feature(enable = "avx2,fma")]
        fn avx2(product: Product, a: Matrix<'_>, b: (&[f32], usize), c: (&mut [f32], usize)) {
            tiles::<true>(product, a, b, c);
        }
        #[allow(unsafe_code)]
        match instruction_set() {
            InstructionSet::Avx512 => {
                // SAFETY: `instruction_set` never returns a level that the processor lacks.
                return unsafe { avx512(product, a, (b, b_stride), (c, c_stride)) };
            }
            InstructionSet::Avx2 => {
                // SAFETY: as above.
                return unsafe { avx2(product, a, (b, b_stride), (c, c_stride)) };
            }
            InstructionSet::Portable => {}
        }
    }
    tiles::<false>(product, a, (b, b_stride), (c, c_stride));
}

/// The result in tiles as wide and as high as fit.
#[inline(always)]
fn tiles<const FUSED: bool>(
    product: Product,
    a: Matrix<'_>,
    (b, b_stride): (&[f32], usize),
    (c, c_stride): (&mut [f32], usize),
) {
    let (m, _, n) = product.shape;
    let mut column = 0;
    while column < n {
        let mut row = 0;
        let width = match n - column {
            32.. => 32,
            16.. => 16,
            8.. => 8,
            _ => 1,
        };
        while row < m {
            let a = a.skip(row, 0);
            let b = (&b[column..], b_stride);
            let c = (&mut c[row * c_stride + column..], c_stride);
            row += match width {
                32 => rows::<32, FUSED>(m - row, product, a, b, c),
                16 => rows::<16, FUSED>(m - row, product, a, b, c),
                8 => rows::<8, FUSED>(m - row, product, a, b, c),
                _ => rows::<1, FUSED>(m - row, product, a, b, c),
            };
        }
        column += width;
    }
}

/// One tile of the highest height that fits; its height.
#[inline(always)]
fn rows<const W: usize, const FUSED: bool>(
    left: usize,
    product: Product,
    a: Matrix<'_>,
    b: (&[f32], usize),
    c: (&mut [f32], usize),
) -> usize {
    match left {
        ROWS.. => tile::<ROWS, W, FUSED>(product, a, b, c),
        2.. => tile::<2, W, FUSED>(product, a, b, c),
        _ => tile::<1, W, FUSED>(product, a, b, c),
    }
}

/// R x W elements of the result, kept in registers over the whole sum.
#[inline(always)]
fn tile<const R: usize, const W: usize, const FUSED: bool>(
    product: Product,
    a: Matrix<'_>,
    (b, b_stride): (&[f32], usize),
    (c, c_stride): (&mut [f32], usize),
) -> usize {
    let mut sums = [[0.0f32; W]; R];
    for l in 0..product.shape.1 {
        let from: &[f32; W] = b[l * b_stride..][..W].try_into().expect("W elements");
        for (r, sums) in sums.iter_mut().enumerate() {
            let factor = a.data[r * a.row_stride + l * a.column_stride];
            for (sum, b) in sums.iter_mut().zip(from) {
                *sum = if FUSED {
                    factor.mul_add(*b, *sum)
                } else {
                    *sum + factor * b
                };
            }
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        let into = &mut c[r * c_stride..][..W];
        for (into, sum) in into.iter_mut().zip(sums) {
            let value = product.alpha * sum;
            *into = if product.accumulate {
                *into + value
            } else {
                value
            };
        }
    }
    R
}
