//! When and how host work is split over threads.
//!
//! Work is always cut into chunks whose size depends on the shape alone, and a chunk's result
//! never on who computed it: one thread and sixty-four give the same bits.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use rayon::prelude::*;

/// Elements of memory traffic below which a second thread costs more than it brings.
const DEFAULT_THRESHOLD: usize = 32 * 1024;

static THRESHOLD: AtomicUsize = AtomicUsize::new(DEFAULT_THRESHOLD);

/// The amount of work (in elements touched) from which kernels use several threads.
pub fn parallel_threshold() -> usize {
    THRESHOLD.load(Ordering::Relaxed)
}

/// Sets the threshold. Tests set it to 1 so that small cases walk the parallel paths.
pub fn set_parallel_threshold(elements: usize) {
    THRESHOLD.store(elements, Ordering::Relaxed);
}

/// Whether this much work is worth a second thread.
pub fn worth_splitting(elements: usize) -> bool {
    elements >= parallel_threshold() && rayon::current_num_threads() > 1
}

/// Calls `work(chunk index, chunk)` for each piece of `chunk_len` elements, in parallel when the
/// work (in elements touched) is worth it.
pub fn chunked<T: Send>(
    data: &mut [T],
    chunk_len: usize,
    work: usize,
    body: impl Fn(usize, &mut [T]) + Sync + Send,
) {
    let chunk_len = chunk_len.max(1);
    if worth_splitting(work) {
        data.par_chunks_mut(chunk_len)
            .enumerate()
            .for_each(|(i, chunk)| body(i, chunk));
    } else {
        data.chunks_mut(chunk_len)
            .enumerate()
            .for_each(|(i, chunk)| body(i, chunk));
    }
}

/// [`chunked`] over two arrays of the same length at once.
pub fn chunked_pair<T: Send, U: Send>(
    (first, second): (&mut [T], &mut [U]),
    chunk_len: usize,
    work: usize,
    body: impl Fn(usize, &mut [T], &mut [U]) + Sync + Send,
) {
    let chunk_len = chunk_len.max(1);
    if worth_splitting(work) {
        first
            .par_chunks_mut(chunk_len)
            .zip(second.par_chunks_mut(chunk_len))
            .enumerate()
            .for_each(|(i, (first, second))| body(i, first, second));
    } else {
        first
            .chunks_mut(chunk_len)
            .zip(second.chunks_mut(chunk_len))
            .enumerate()
            .for_each(|(i, (first, second))| body(i, first, second));
    }
}

/// The instruction sets that kernels are compiled for and choose from at run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum InstructionSet {
    /// What the compiler assumes for the target (SSE2 on x86-64, NEON on ARM).
    Portable,
    /// AVX2 and FMA.
    Avx2,
    /// AVX-512 F, VL, BW and DQ.
    Avx512,
}

impl InstructionSet {
    /// Every level, plainest first.
    pub const ALL: [InstructionSet; 3] = [Self::Portable, Self::Avx2, Self::Avx512];

    /// The name used on the command line and in `run.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// The best level of this machine.
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
            {
                return Self::Avx512;
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                return Self::Avx2;
            }
        }
        Self::Portable
    }
}

const UNSET: u8 = u8::MAX;
static CHOSEN: AtomicU8 = AtomicU8::new(UNSET);

/// The level in use: the best of the machine unless [`set_instruction_set`] lowered it.
pub fn instruction_set() -> InstructionSet {
    match CHOSEN.load(Ordering::Relaxed) {
        0 => InstructionSet::Portable,
        1 => InstructionSet::Avx2,
        2 => InstructionSet::Avx512,
        _ => {
            let best = InstructionSet::best();
            CHOSEN.store(best as u8, Ordering::Relaxed);
            best
        }
    }
}

/// Forces a level; one the machine lacks is lowered to the best it has. Returns what is in use.
pub fn set_instruction_set(level: InstructionSet) -> InstructionSet {
    let level = level.min(InstructionSet::best());
    CHOSEN.store(level as u8, Ordering::Relaxed);
    level
}
