//! What the dispatches share. The tiled kernels are compiled for heads of up to 32, 64 and 128
//! columns, since the numbers an invocation keeps in registers must be known to the compiler.

use limbeck_engine::Kernel;

use super::{Mask, Sizes};
use crate::shared::gpu::flag;

/// Rows of a block: TILE in `tile.wgsl`.
const TILE: usize = 32;

/// Blocks, tiles of scores and sums over them.
pub(crate) const TILES: &str = include_str!("tile.wgsl");
/// The entry `forward`.
pub(crate) const FORWARD: &str = include_str!("forward.wgsl");
/// What the entries of the backward pass share.
pub(crate) const GRADIENT: &str = include_str!("gradient.wgsl");
/// The entry `grad_query`.
pub(crate) const GRAD_QUERY: &str = include_str!("grad_query.wgsl");
/// The entry `grad_key_value`.
pub(crate) const GRAD_KEY_VALUE: &str = include_str!("grad_key_value.wgsl");

/// A tiled kernel of an operator for every size of head, from the fragments that are its own and
/// its entry's.
macro_rules! tiled {
    ($operator:literal, $entry:literal, [$($source:expr),* $(,)?]) => {
        [
            $crate::shared::attention::gpu::tiled!(@ $operator, $entry, 1, $($source),*),
            $crate::shared::attention::gpu::tiled!(@ $operator, $entry, 2, $($source),*),
            $crate::shared::attention::gpu::tiled!(@ $operator, $entry, 4, $($source),*),
        ]
    };
    (@ $operator:literal, $entry:literal, $chunks:literal, $($source:expr),*) => {
        ::limbeck_engine::Kernel {
            name: concat!($operator, "::", $entry, "_", $chunks),
            source: &[
                concat!("const CHUNKS = ", $chunks, "u;"),
                $crate::shared::wgsl::COMMON,
                $crate::shared::wgsl::MATH,
                $crate::shared::wgsl::PHILOX,
                $crate::shared::attention::gpu::TILES,
                $($source),*
            ],
            entry: $entry,
        }
    };
}
pub(crate) use tiled;

/// The kernel for heads of this size.
pub(crate) fn choose(kernels: &'static [Kernel; 3], sizes: Sizes) -> &'static Kernel {
    match sizes.head_size {
        ..=32 => &kernels[0],
        33..=64 => &kernels[1],
        _ => &kernels[2],
    }
}

/// Workgroups that serve this many rows: at most one block per sequence more than they fill.
pub(crate) fn workgroups(rows: usize, sequences: usize, heads: usize) -> usize {
    (rows / TILE + sequences) * heads
}

/// The words of the uniform block of a tiled kernel.
#[derive(Clone, Copy)]
pub(crate) struct Parameters {
    pub(crate) sequences: usize,
    pub(crate) sizes: Sizes,
    pub(crate) mask: Option<Mask>,
    pub(crate) causal: bool,
    /// Whether gradients are added to what is there.
    pub(crate) accumulate: bool,
}

impl Parameters {
    pub(crate) fn words(self) -> [u32; 12] {
        let (sizes, mask) = (self.sizes, self.mask);
        let [key_0, key_1] = mask.map_or([0; 2], |m| m.stream.key);
        [
            self.sequences as u32,
            sizes.heads as u32,
            sizes.head_size as u32,
            sizes.width as u32,
            (sizes.scale() as f32).to_bits(),
            mask.map_or(0, |m| m.threshold),
            mask.map_or(1.0, |m| m.keep_scale).to_bits(),
            key_0,
            key_1,
            mask.map_or(0, |m| m.stream.step),
            flag(self.accumulate),
            flag(self.causal),
        ]
    }
}
