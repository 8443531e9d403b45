//! What several operators use: SIMD dispatch, elementary functions, reductions, the matrix
//! product, and the WGSL fragments that are prepended to shaders.

pub(crate) mod attention;
pub(crate) mod columns;
pub(crate) mod divergence;
pub(crate) mod edges;
pub mod gemm;
#[cfg(feature = "gpu")]
pub mod gpu;
pub(crate) mod log_softmax;
pub mod math;
mod narrow;
pub(crate) mod offsets;
pub(crate) mod philox;
pub mod pictures;
pub(crate) mod recurrence;
pub mod reduce;
pub(crate) mod segments;
pub(crate) mod sequences;
mod simd;
pub(crate) mod update;

pub(crate) use simd::vectorised;

/// WGSL fragments, prepended to the shaders that use them.
#[cfg(feature = "gpu")]
pub mod wgsl {
    /// `workgroup_index`: undoes the folding of workgroup counts.
    pub const COMMON: &str = include_str!("common.wgsl");
    /// exp, ln, tanh, erf, the normal distribution.
    pub const MATH: &str = include_str!("math.wgsl");
    /// Philox 4x32-10.
    pub const PHILOX: &str = include_str!("philox.wgsl");
    /// The tiled matrix product; the shader defines `load_a`, `load_b` and `store_c`.
    pub const GEMM: &str = include_str!("gemm.wgsl");
    /// Numbers as integers that compare as they do.
    pub const ORDER: &str = include_str!("order.wgsl");
    /// Steps of recurrent operators; the shader defines its cell.
    pub const RECURRENCE_FORWARD: &str = include_str!("recurrence/forward.wgsl");
    /// The same backward.
    pub const RECURRENCE_BACKWARD: &str = include_str!("recurrence/backward.wgsl");
    /// Sums over rows or lanes of a workgroup.
    pub const REDUCE: &str = include_str!("reduce.wgsl");
    /// Blocks, flag and clipping factor of the update kernels.
    pub const UPDATE: &str = include_str!("update.wgsl");
}
