//! Distances and what is allowed of them.

/// How far a device may be from PyTorch's f64.
pub(crate) struct Tolerance {
    /// Of logits and parameters: the norm of the error against the norm of the tensor.
    pub(crate) values: f64,
    /// Of losses, relative.
    pub(crate) losses: f64,
    /// Of a gradient: the norm of the error against that of the gradient.
    pub(crate) gradients: f64,
    /// The least norm a gradient's error is held against, as a share of the norm of all
    /// gradients together.
    pub(crate) floor: f64,
}

impl Tolerance {
    /// f64 everywhere: only the order of sums differs, and epsilons that are kept in f32.
    pub(crate) const REFERENCE: Tolerance = Tolerance {
        values: 1e-9,
        losses: 1e-9,
        gradients: 1e-9,
        floor: 0.0,
    };

    /// f32: rounding of 6e-8 per operation, grown by some dozens of operations; a gradient that
    /// is small because large terms cancel keeps the rounding of those. In ten updates the
    /// difference grows once more.
    pub(crate) const SINGLE: Tolerance = Tolerance {
        values: 1e-5,
        losses: 1e-4,
        gradients: 1e-5,
        floor: 1e-3,
    };
}

/// ‖v‖
pub(crate) fn norm(v: &[f64]) -> f64 {
    v.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// What is wrong with `found`, if its distance from `expected` is beyond `allowed`.
pub(crate) fn distance(
    what: &str,
    found: &[f64],
    expected: &[f64],
    allowed: f64,
) -> Option<String> {
    if found.len() != expected.len() {
        return Some(format!(
            "{what}: {} elements, not {}",
            found.len(),
            expected.len()
        ));
    }
    let difference: Vec<f64> = found.iter().zip(expected).map(|(a, b)| a - b).collect();
    let error = norm(&difference);
    // Negated, so that NaN does not fit.
    let fits = error <= allowed;
    (!fits).then(|| {
        format!(
            "{what}: error {error:.2e}, allowed {allowed:.2e} of norm {:.2e}",
            norm(expected)
        )
    })
}

/// As [`distance`], relative to the norm of what is expected.
pub(crate) fn relative(
    what: &str,
    found: &[f64],
    expected: &[f64],
    tolerance: f64,
) -> Option<String> {
    distance(what, found, expected, tolerance * norm(expected))
}

/// As [`relative`], each number by itself.
pub(crate) fn each(what: &str, found: &[f64], expected: &[f64], tolerance: f64) -> Option<String> {
    let pairs = found.iter().zip(expected).enumerate();
    let complaints = pairs.filter_map(|(index, (a, b))| {
        relative(&format!("{what} {index}"), &[*a], &[*b], tolerance)
    });
    let mut all: Vec<String> = complaints.collect();
    if found.len() != expected.len() {
        all.push(format!(
            "{what}: {} numbers, not {}",
            found.len(),
            expected.len()
        ));
    }
    (!all.is_empty()).then(|| all.join("\n"))
}
