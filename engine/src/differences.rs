//! What checks against central differences share: directions, steps and how an error is measured.

use crate::philox::Stream;

/// A sparse direction: elements and how far each moves.
pub type Direction = Vec<(usize, f64)>;

/// Tensors of at most so many elements are differentiated along every coordinate.
const EVERY: usize = 96;

/// Directions to differentiate `len` numbers along: every coordinate of few numbers; of many, eight
/// random directions, the first and last coordinates, where loops end, and 24 between.
///
/// ```
/// use limbeck_engine::differences::directions;
/// assert_eq!(directions(2), [[(0, 1.0)], [(1, 1.0)]]);
/// assert_eq!(directions(1000).len(), 36);
/// ```
pub fn directions(len: usize) -> Vec<Direction> {
    if len <= EVERY {
        return (0..len).map(|at| vec![(at, 1.0)]).collect();
    }
    let stream = Stream::new(11, "directions", 0);
    let mut chosen: Vec<Direction> = (0..8)
        .map(|d| {
            (0..len)
                .map(|at| (at, stream.normal(at as u32, d)))
                .collect()
        })
        .collect();
    let between = (0..24).map(|i| (stream.uniform(i, 99) * len as f64) as usize);
    chosen.extend(
        [0, 1, len - 2, len - 1]
            .into_iter()
            .chain(between)
            .map(|at| vec![(at, 1.0)]),
    );
    chosen
}

/// How far to go along a direction: balances the cubic truncation of the difference against
/// rounding in f64.
pub fn step(direction: &[(usize, f64)]) -> f64 {
    let length = direction.iter().map(|(_, d)| d * d).sum::<f64>().sqrt();
    1e-5 / length.max(f64::MIN_POSITIVE)
}

/// The slope along a direction, by a gradient.
pub fn slope(gradient: &[f64], direction: &[(usize, f64)]) -> f64 {
    direction.iter().map(|&(at, d)| gradient[at] * d).sum()
}

/// Relative error of a slope against the difference quotient; infinite if one is not finite.
///
/// Against the length of the gradient, `norm`, as well: a coordinate whose true slope is zero has no
/// scale of its own.
pub fn slope_error(slope: f64, numeric: f64, norm: f64) -> f64 {
    let scale = slope.abs().max(numeric.abs()).max(1e-3 * norm).max(1e-6);
    let error = (slope - numeric).abs() / scale;
    if error.is_nan() { f64::INFINITY } else { error }
}

/// The Euclidean norm.
pub fn norm(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// The random coefficients behind value number `index`, rounded to f32 like every input.
pub fn coefficients(index: usize, elements: usize) -> Vec<f64> {
    let stream = Stream::new(13, "coefficients", index as u32);
    (0..elements as u32)
        .map(|i| f64::from(stream.normal(i, 0) as f32))
        .collect()
}
