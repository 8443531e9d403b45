//! The definition, in f64.

use limbeck_engine::{ParameterVector, Tensor};

/// The sum of squares; `None` if an element is not finite.
pub(super) fn sum_of_squares(gradients: &ParameterVector) -> Option<f64> {
    let elements = || {
        gradients
            .tensors()
            .filter_map(Tensor::host::<f64>)
            .flatten()
    };
    let finite = elements().all(|g| g.is_finite());
    finite.then(|| elements().map(|g| g * g).sum())
}
