//! The registers that the tiles of a product are built from: one trait, an instruction set each.
//!
//! Nothing here checks anything: pointers must be valid for what is read or written, and the
//! processor must have the instructions.
#![allow(
    unsafe_code,
    reason = "SIMD intrinsics on pointers: the product is most of a training step"
)]

use std::arch::x86_64::{
    __m256, __m256i, __m512, _MM_HINT_T0, _mm_prefetch, _mm256_fmadd_ps, _mm256_loadu_ps,
    _mm256_loadu_si256, _mm256_maskload_ps, _mm256_maskstore_ps, _mm256_set1_ps, _mm256_storeu_ps,
    _mm512_castpd_ps, _mm512_castps_pd, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_mask_storeu_ps,
    _mm512_maskz_loadu_ps, _mm512_set1_ps, _mm512_shuffle_f32x4, _mm512_storeu_ps,
    _mm512_unpackhi_pd, _mm512_unpackhi_ps, _mm512_unpacklo_pd, _mm512_unpacklo_ps,
};

/// A register of single-precision lanes.
pub(super) trait Vector: Copy {
    /// Numbers in one register.
    const LANES: usize;
    /// Rows of a tile two registers wide: its sums, one row of the right operand and one element
    /// of the left fill the register file.
    const ROWS: usize;

    /// The same number in every lane.
    ///
    /// # Safety
    /// The processor has the instructions.
    unsafe fn splat(value: f32) -> Self;

    /// `LANES` numbers.
    ///
    /// # Safety
    /// As above, and they may be read.
    unsafe fn load(from: *const f32) -> Self;

    /// The first `lanes` numbers, and zeros.
    ///
    /// # Safety
    /// As above, and those may be read; `lanes <= LANES`.
    unsafe fn load_some(from: *const f32, lanes: usize) -> Self;

    /// Writes `LANES` numbers.
    ///
    /// # Safety
    /// As above, and they may be written.
    unsafe fn store(self, to: *mut f32);

    /// Writes the first `lanes` numbers.
    ///
    /// # Safety
    /// As above, and those may be written; `lanes <= LANES`.
    unsafe fn store_some(self, to: *mut f32, lanes: usize);

    /// Asks for the cache line of an address, which need not be one that may be read.
    ///
    /// # Safety
    /// The processor has the instruction.
    #[inline(always)]
    unsafe fn prefetch(from: *const f32) {
        // SAFETY: the caller's promise; a prefetch never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) }
    }

    /// `self * factor + addend`, rounded once.
    ///
    /// # Safety
    /// The processor has the instructions.
    unsafe fn multiply_add(self, factor: Self, addend: Self) -> Self;
}

impl Vector for __m512 {
    const LANES: usize = 16;
    const ROWS: usize = 14;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: the caller's promise.
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's promise.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn load_some(from: *const f32, lanes: usize) -> Self {
        // SAFETY: the caller's promise; lanes that are masked out are not read.
        unsafe { _mm512_maskz_loadu_ps(first_bits(lanes), from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe { _mm512_storeu_ps(to, self) }
    }

    #[inline(always)]
    unsafe fn store_some(self, to: *mut f32, lanes: usize) {
        // SAFETY: the caller's promise; lanes that are masked out are not written.
        unsafe { _mm512_mask_storeu_ps(to, first_bits(lanes), self) }
    }

    #[inline(always)]
    unsafe fn multiply_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: the caller's promise.
        unsafe { _mm512_fmadd_ps(self, factor, addend) }
    }
}

/// The lowest `count` bits set, `count` at most 16.
#[inline(always)]
fn first_bits(count: usize) -> u16 {
    ((1u32 << count) - 1) as u16
}

/// Copies 16 columns of 16 numbers, `columns` apart, to 16 rows, `rows` apart.
///
/// # Safety
/// The numbers may be read and written, and the processor has AVX-512 F.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn transpose(from: *const f32, columns: usize, to: *mut f32, rows: usize) {
    // SAFETY: the caller's promise.
    let block: [__m512; 16] =
        std::array::from_fn(|i| unsafe { _mm512_loadu_ps(from.add(i * columns)) });
    // Of four columns each: quarter q of `fours[g][j]` is row 4 q + j of columns 4 g to 4 g + 3.
    let fours: [[__m512; 4]; 4] = std::array::from_fn(|g| {
        let [a, b, c, d] = std::array::from_fn(|i| block[4 * g + i]);
        let (low, high) = (_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
        let (lower, higher) = (_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
        let pairs = |a, b| {
            let (a, b) = (_mm512_castps_pd(a), _mm512_castps_pd(b));
            let (low, high) = (_mm512_unpacklo_pd(a, b), _mm512_unpackhi_pd(a, b));
            [_mm512_castpd_ps(low), _mm512_castpd_ps(high)]
        };
        let ([first, second], [third, fourth]) = (pairs(low, lower), pairs(high, higher));
        [first, second, third, fourth]
    });
    const EVEN: i32 = 0b10_00_10_00;
    const ODD: i32 = 0b11_01_11_01;
    let rows_of_quarters: [[__m512; 4]; 4] = std::array::from_fn(|j| fours.map(|four| four[j]));
    for (j, [a, b, c, d]) in rows_of_quarters.into_iter().enumerate() {
        let (even, odd) = (
            [
                _mm512_shuffle_f32x4::<EVEN>(a, b),
                _mm512_shuffle_f32x4::<EVEN>(c, d),
            ],
            [
                _mm512_shuffle_f32x4::<ODD>(a, b),
                _mm512_shuffle_f32x4::<ODD>(c, d),
            ],
        );
        let quarters = [
            _mm512_shuffle_f32x4::<EVEN>(even[0], even[1]),
            _mm512_shuffle_f32x4::<EVEN>(odd[0], odd[1]),
            _mm512_shuffle_f32x4::<ODD>(even[0], even[1]),
            _mm512_shuffle_f32x4::<ODD>(odd[0], odd[1]),
        ];
        for (q, row) in quarters.into_iter().enumerate() {
            // SAFETY: the caller's promise.
            unsafe { _mm512_storeu_ps(to.add((4 * q + j) * rows), row) };
        }
    }
}

impl Vector for __m256 {
    const LANES: usize = 8;
    const ROWS: usize = 6;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: the caller's promise.
        unsafe { _mm256_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's promise.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn load_some(from: *const f32, lanes: usize) -> Self {
        // SAFETY: the caller's promise; lanes that are masked out are not read.
        unsafe { _mm256_maskload_ps(from, first_lanes(lanes)) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe { _mm256_storeu_ps(to, self) }
    }

    #[inline(always)]
    unsafe fn store_some(self, to: *mut f32, lanes: usize) {
        // SAFETY: the caller's promise; lanes that are masked out are not written.
        unsafe { _mm256_maskstore_ps(to, first_lanes(lanes), self) }
    }

    #[inline(always)]
    unsafe fn multiply_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: the caller's promise.
        unsafe { _mm256_fmadd_ps(self, factor, addend) }
    }
}

/// A mask of the first `count` lanes, `count` at most 8.
#[inline(always)]
unsafe fn first_lanes(count: usize) -> __m256i {
    const ONES_THEN_ZEROS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
    let from = &ONES_THEN_ZEROS[8 - count..][..8];
    // SAFETY: the slice has the eight words that are read.
    unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
}
