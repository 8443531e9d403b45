//! The fast version: chunks in parallel, joined in order in f64.

use limbeck_engine::{ParameterVector, Tensor, worth_splitting};
use rayon::prelude::*;

use crate::shared::update::CHUNK;
use crate::shared::{reduce, vectorised};

/// The sum of squares; `None` if an element is not finite.
pub(super) fn sum_of_squares(gradients: &ParameterVector) -> Option<f64> {
    let slices = gradients.tensors().filter_map(Tensor::host::<f32>);
    let chunks: Vec<&[f32]> = slices.flat_map(|slice| slice.chunks(CHUNK)).collect();
    let elements = chunks.iter().map(|chunk| chunk.len()).sum();
    let sums: Vec<(f32, bool)> = if worth_splitting(elements) {
        chunks.par_iter().map(|chunk| squares(chunk)).collect()
    } else {
        chunks.iter().map(|chunk| squares(chunk)).collect()
    };
    let finite = sums.iter().all(|&(_, finite)| finite);
    finite.then(|| sums.iter().map(|&(sum, _)| f64::from(sum)).sum())
}

vectorised! {
    /// The sum of squares of a chunk, and whether every element is finite.
    fn squares(chunk: &[f32]) -> (f32, bool) {
        const EXPONENT: u32 = 0x7f80_0000;
        let broken = |g: &f32| u32::from(g.to_bits() & EXPONENT == EXPONENT);
        let any = chunk.iter().fold(0, |any, g| any | broken(g));
        (reduce::dot(chunk, chunk), any == 0)
    }
}
