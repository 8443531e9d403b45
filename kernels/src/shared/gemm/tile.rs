//! The innermost part of a product: a block of rows of the left operand, packed, times panels of
//! the right one, two registers wide. A tile of the result stays in registers over the whole sum.
//!
//! Every element is one chain of fused multiply-adds over k in order. It does not depend on the
//! tile it stands in, so a product may be cut anywhere but along k.
#![allow(
    unsafe_code,
    reason = "SIMD intrinsics on pointers: the product is most of a training step"
)]

use std::arch::x86_64::{__m256, __m512};

use super::pack::{DEPTH, Left, ROW_STRIDE};
use super::vector::Vector;

/// Where a block goes: row i starts at `c[i * stride]`.
pub(super) struct Target<'a> {
    pub(super) c: &'a mut [f32],
    pub(super) stride: usize,
    pub(super) alpha: f32,
    pub(super) accumulate: bool,
}

/// A panel of the right operand: row l starts at `data[l * stride]`.
#[derive(Clone, Copy)]
pub(super) struct Panel<'a> {
    pub(super) data: &'a [f32],
    pub(super) stride: usize,
    pub(super) columns: usize,
}

/// The instruction sets that have tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tiles {
    Avx2,
    Avx512,
}

impl Tiles {
    /// Columns of a full panel.
    pub(super) fn width(self) -> usize {
        match self {
            Self::Avx2 => 2 * <__m256 as Vector>::LANES,
            Self::Avx512 => 2 * <__m512 as Vector>::LANES,
        }
    }

    /// Rows of a full tile.
    pub(super) fn rows(self) -> usize {
        match self {
            Self::Avx2 => <__m256 as Vector>::ROWS,
            Self::Avx512 => <__m512 as Vector>::ROWS,
        }
    }

    /// `target = alpha left panel` (or `+=`): `rows` rows, `panel.columns` columns, a sum of k.
    ///
    /// # Panics
    /// If an operand or the result is smaller than that.
    pub(super) fn multiply(
        self,
        (rows, k): (usize, usize),
        left: Left<'_>,
        panel: Panel<'_>,
        target: &mut Target<'_>,
    ) {
        if rows == 0 || k == 0 || panel.columns == 0 {
            return;
        }
        assert!(k <= DEPTH && panel.columns <= self.width() && panel.columns <= target.stride);
        assert!((k - 1) * panel.stride + panel.columns <= panel.data.len());
        assert!((rows - 1) * target.stride + panel.columns <= target.c.len());
        assert!(left.holds(rows, k, self.rows()));
        match self {
            // SAFETY: the assertions above; a level is chosen only where the processor has it.
            Self::Avx512 => unsafe { avx512(rows, k, left, panel, target) },
            // SAFETY: as above.
            Self::Avx2 => unsafe { avx2(rows, k, left, panel, target) },
        }
    }
}

#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
unsafe fn avx512(rows: usize, k: usize, left: Left<'_>, panel: Panel<'_>, to: &mut Target<'_>) {
    const ROWS: usize = <__m512 as Vector>::ROWS;
    // SAFETY: the caller's promise.
    unsafe { in_layout::<__m512, ROWS>(rows, k, left, panel, to) }
}

#[target_feature(enable = "avx2,fma")]
unsafe fn avx2(rows: usize, k: usize, left: Left<'_>, panel: Panel<'_>, to: &mut Target<'_>) {
    const ROWS: usize = <__m256 as Vector>::ROWS;
    // SAFETY: the caller's promise.
    unsafe { in_layout::<__m256, ROWS>(rows, k, left, panel, to) }
}

/// Chooses the strides of the left operand, which the tiles have as constants.
///
/// # Safety
/// As [`Tiles::multiply`] asserts, on a processor with the instructions.
#[inline(always)]
unsafe fn in_layout<V: Vector, const ROWS: usize>(
    rows: usize,
    k: usize,
    left: Left<'_>,
    panel: Panel<'_>,
    target: &mut Target<'_>,
) {
    // SAFETY: the caller's promise.
    unsafe {
        if left.by_rows {
            in_width::<V, ROWS, ROW_STRIDE, 1>(rows, k, left.data, panel, target);
        } else {
            in_width::<V, ROWS, 1, ROWS>(rows, k, left.data, panel, target);
        }
    }
}

/// Chooses the number of registers in a row of the tile.
///
/// # Safety
/// As above; element (i, l) of the left operand is
/// `left[(i / ROWS) * ROWS * k + i % ROWS + l * ROWS]` or `left[i * ROW_STRIDE + l]`.
#[inline(always)]
unsafe fn in_width<V: Vector, const ROWS: usize, const ROW: usize, const STEP: usize>(
    rows: usize,
    k: usize,
    left: &[f32],
    panel: Panel<'_>,
    target: &mut Target<'_>,
) {
    let strip = Strip {
        k,
        b: panel.data.as_ptr(),
        b_stride: panel.stride,
        c_stride: target.stride,
        alpha: target.alpha,
        accumulate: target.accumulate,
        last: (panel.columns - 1) % V::LANES + 1,
    };
    let (left, c) = (left.as_ptr(), target.c.as_mut_ptr());
    // SAFETY: the caller's promise.
    unsafe {
        if panel.columns == 2 * V::LANES {
            strip.run::<V, ROWS, 2, ROW, STEP, false>(rows, left, c);
        } else if panel.columns > V::LANES {
            strip.run::<V, ROWS, 2, ROW, STEP, true>(rows, left, c);
        } else {
            strip.run::<V, ROWS, 1, ROW, STEP, true>(rows, left, c);
        }
    }
}

/// Rows of the right operand that the first tile of a panel fetches ahead of their use. Those below it
/// find them in the first-level cache, where asking again only takes up its ports.
const AHEAD: usize = 16;

/// What the tiles of one panel have in common.
#[derive(Clone, Copy)]
struct Strip {
    k: usize,
    b: *const f32,
    b_stride: usize,
    c_stride: usize,
    alpha: f32,
    accumulate: bool,
    /// Columns in the last register of a row.
    last: usize,
}

impl Strip {
    /// Tile under tile, the last ones as high as fits.
    ///
    /// # Safety
    /// As above.
    #[inline(always)]
    unsafe fn run<
        V: Vector,
        const ROWS: usize,
        const N: usize,
        const ROW: usize,
        const STEP: usize,
        const TAIL: bool,
    >(
        self,
        rows: usize,
        left: *const f32,
        c: *mut f32,
    ) {
        // Consecutive tiles lie a panel of the left operand apart.
        let tile_stride = if ROW == 1 { ROWS * self.k } else { ROWS * ROW };
        // SAFETY: tiles cover the rows once; the caller's promise for each.
        unsafe {
            // The last two heights are evened out where the layout allows: few rows in a tile leave
            // the multipliers waiting for their own results.
            let whole = match rows / ROWS {
                tiles if ROW > 1 && !rows.is_multiple_of(ROWS) => tiles.saturating_sub(1),
                tiles => tiles,
            };
            let (mut left, mut c) = (left, c);
            for tile in 0..whole {
                match tile {
                    0 => self.tile::<V, ROWS, N, ROW, STEP, TAIL, true>(left, c),
                    _ => self.tile::<V, ROWS, N, ROW, STEP, TAIL, false>(left, c),
                };
                // After the last tile they may point beyond the end, and are not read.
                left = left.wrapping_add(tile_stride);
                c = c.wrapping_add(ROWS * self.c_stride);
            }
            let rest = rows - whole * ROWS;
            let mut done = 0;
            while done < rest {
                let (a, c) = (left.add(done * ROW), c.add(done * self.c_stride));
                let high = match rest - done {
                    left if left > ROWS => left.div_ceil(2),
                    left => left,
                };
                done += match whole + done {
                    0 => self.short_tile::<V, N, ROW, STEP, TAIL, true>(high, a, c),
                    _ => self.short_tile::<V, N, ROW, STEP, TAIL, false>(high, a, c),
                };
            }
        }
    }

    /// A tile of as many rows as there are, or a few less; gives their number.
    ///
    /// # Safety
    /// As above.
    #[inline(always)]
    unsafe fn short_tile<
        V: Vector,
        const N: usize,
        const ROW: usize,
        const STEP: usize,
        const TAIL: bool,
        const FETCH: bool,
    >(
        self,
        rows: usize,
        a: *const f32,
        c: *mut f32,
    ) -> usize {
        // SAFETY: the caller's promise.
        unsafe {
            match rows {
                12.. => self.tile::<V, 12, N, ROW, STEP, TAIL, FETCH>(a, c),
                10.. => self.tile::<V, 10, N, ROW, STEP, TAIL, FETCH>(a, c),
                8.. => self.tile::<V, 8, N, ROW, STEP, TAIL, FETCH>(a, c),
                6.. => self.tile::<V, 6, N, ROW, STEP, TAIL, FETCH>(a, c),
                4.. => self.tile::<V, 4, N, ROW, STEP, TAIL, FETCH>(a, c),
                2.. => self.tile::<V, 2, N, ROW, STEP, TAIL, FETCH>(a, c),
                _ => self.tile::<V, 1, N, ROW, STEP, TAIL, FETCH>(a, c),
            }
        }
    }

    /// M rows and N registers of the result; gives M.
    ///
    /// # Safety
    /// As above.
    #[inline(always)]
    unsafe fn tile<
        V: Vector,
        const M: usize,
        const N: usize,
        const ROW: usize,
        const STEP: usize,
        const TAIL: bool,
        const FETCH: bool,
    >(
        self,
        a: *const f32,
        c: *mut f32,
    ) -> usize {
        // SAFETY: the caller's promise; with TAIL the last register of each row reads and writes
        // `last` lanes.
        unsafe {
            let mut sums = [[V::splat(0.0); N]; M];
            let (mut a, mut b) = (a, self.b);
            for _ in 0..self.k {
                let mut right = [V::splat(0.0); N];
                if FETCH {
                    V::prefetch(b.wrapping_add(AHEAD * self.b_stride));
                }
                if FETCH && N == 2 {
                    V::prefetch(b.wrapping_add(AHEAD * self.b_stride + V::LANES));
                }
                for (v, right) in right.iter_mut().enumerate() {
                    let from = b.add(v * V::LANES);
                    *right = if TAIL && v == N - 1 {
                        V::load_some(from, self.last)
                    } else {
                        V::load(from)
                    };
                }
                for (i, sums) in sums.iter_mut().enumerate() {
                    let left = V::splat(*a.add(i * ROW));
                    for (sum, right) in sums.iter_mut().zip(right) {
                        *sum = left.multiply_add(right, *sum);
                    }
                }
                // As above.
                a = a.wrapping_add(STEP);
                b = b.wrapping_add(self.b_stride);
            }
            let alpha = V::splat(self.alpha);
            for (i, sums) in sums.iter().enumerate() {
                for (v, &sum) in sums.iter().enumerate() {
                    let to = c.add(i * self.c_stride + v * V::LANES);
                    let lanes = if TAIL && v == N - 1 {
                        self.last
                    } else {
                        V::LANES
                    };
                    let old = match (self.accumulate, lanes == V::LANES) {
                        (false, _) => V::splat(0.0),
                        (true, true) => V::load(to),
                        (true, false) => V::load_some(to, lanes),
                    };
                    let new = sum.multiply_add(alpha, old);
                    if lanes == V::LANES {
                        new.store(to);
                    } else {
                        new.store_some(to, lanes);
                    }
                }
            }
        }
        M
    }
}
