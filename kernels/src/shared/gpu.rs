//! GPU steps that several operators share.

use limbeck_engine::{Binding, Gpu, GpuSlice, Kernel, ParameterVector, Result, Tensor};

use super::wgsl;

/// Invocations per workgroup of elementwise kernels.
const GROUP: usize = 256;

/// Workgroups for one invocation per element.
pub fn elementwise(elements: usize) -> usize {
    elements.div_ceil(GROUP)
}

/// Workgroups of the tiled matrix product with an m x n result.
pub fn gemm_tiles(m: usize, n: usize) -> usize {
    m.div_ceil(64) * n.div_ceil(64)
}

/// The buffer that holds every slice of a vector.
pub(crate) fn whole(vector: &ParameterVector) -> GpuSlice {
    let whole = vector.whole().and_then(Tensor::gpu_slice);
    whole.expect("the vectors of a GPU store are one buffer each")
}

/// The word of a flag in a uniform block.
pub fn flag(on: bool) -> u32 {
    u32::from(on)
}

/// Sums of the columns of a row-major matrix.
pub static COLUMN_SUMS: Kernel = Kernel {
    name: "shared::column_sums",
    source: &[wgsl::COMMON, include_str!("column_sums.wgsl")],
    entry: "column_sums",
};

/// `into[c] = (into[c] +) sum of column c` of `matrix` (rows x columns): bias gradients.
///
/// # Errors
/// If the GPU failed.
pub fn column_sums(
    gpu: &Gpu,
    matrix: &GpuSlice,
    (rows, columns): (usize, usize),
    into: &GpuSlice,
    accumulate: bool,
) -> Result<()> {
    gpu.dispatch(
        &COLUMN_SUMS,
        &[Binding::Read(matrix), Binding::Write(into)],
        &[rows as u32, columns as u32, flag(accumulate)],
        columns.div_ceil(16),
    )
}
