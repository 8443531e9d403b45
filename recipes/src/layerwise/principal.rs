//! Principal components of the teacher's features, for ready-made teachers whose head has no
//! projection.

/// An orthonormal projection onto the directions of largest variance, after the mean is taken off.
#[derive(Clone, Debug)]
pub(super) struct Principal {
    mean: Vec<f64>,
    /// One component per row, each as long as a feature.
    components: Vec<Vec<f64>>,
}

/// Sums over rows, from which their mean and covariance follow without keeping them.
#[derive(Clone, Debug)]
pub(super) struct Moments {
    rows: usize,
    sum: Vec<f64>,
    /// Sums of products of two coordinates, the lower triangle.
    products: Vec<Vec<f64>>,
}

impl Moments {
    pub(super) fn new(width: usize) -> Self {
        Moments {
            rows: 0,
            sum: vec![0.0; width],
            products: (1..=width).map(|length| vec![0.0; length]).collect(),
        }
    }

    pub(super) fn add(&mut self, rows: &[f32]) {
        for row in rows.chunks_exact(self.sum.len().max(1)) {
            self.rows += 1;
            for ((sum, line), &x) in self.sum.iter_mut().zip(&mut self.products).zip(row) {
                let x = f64::from(x);
                *sum += x;
                line.iter_mut()
                    .zip(row)
                    .for_each(|(product, &y)| *product += x * f64::from(y));
            }
        }
    }

    pub(super) fn mean(&self) -> Vec<f64> {
        let rows = self.rows.max(1) as f64;
        self.sum.iter().map(|sum| sum / rows).collect()
    }

    fn covariance(&self) -> Vec<Vec<f64>> {
        let (mean, rows) = (self.mean(), self.rows.max(1) as f64);
        let entry = |i: usize, j: usize| {
            let product = self.products[i.max(j)][i.min(j)];
            product / rows - mean[i] * mean[j]
        };
        let width = 0..mean.len();
        width
            .clone()
            .map(|i| width.clone().map(|j| entry(i, j)).collect())
            .collect()
    }
}

impl Principal {
    /// The first `count` components of rows. Each is given the sign that makes its largest
    /// coordinate positive, so that it does not depend on the order of rotations.
    pub(super) fn of(moments: &Moments, count: usize) -> Self {
        let (mean, width) = (moments.mean(), moments.sum.len());
        let (values, mut vectors) = eigen(moments.covariance());
        let mut order: Vec<usize> = (0..width).collect();
        order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
        let components = order.into_iter().take(count).map(|i| {
            let mut component = std::mem::take(&mut vectors[i]);
            let largest = component
                .iter()
                .copied()
                .fold(0.0, |m: f64, x| if x.abs() > m.abs() { x } else { m });
            if largest < 0.0 {
                component.iter_mut().for_each(|x| *x = -*x);
            }
            component
        });
        Principal {
            mean,
            components: components.collect(),
        }
    }

    /// The rows in the coordinates of the components.
    pub(super) fn project(&self, rows: &[f32]) -> Vec<f32> {
        let mut projected = Vec::with_capacity(rows.len());
        for row in rows.chunks_exact(self.mean.len()) {
            for component in &self.components {
                let terms = row.iter().zip(&self.mean).zip(component);
                let sum: f64 = terms.map(|((&x, m), c)| (f64::from(x) - m) * c).sum();
                projected.push(sum as f32);
            }
        }
        projected
    }
}

impl Principal {
    /// The projection as an affine map `x W + b`: W `[width, components]` and b `[components]`.
    pub(super) fn affine(&self) -> (Vec<f32>, Vec<f32>) {
        let column = |i: usize| self.components.iter().map(move |c| c[i] as f32);
        let weight = (0..self.mean.len()).flat_map(column).collect();
        let bias = self.components.iter().map(|component| {
            let along: f64 = component.iter().zip(&self.mean).map(|(c, m)| c * m).sum();
            -along as f32
        });
        (weight, bias.collect())
    }
}

/// Eigenvalues and eigenvectors (one per row) of a symmetric matrix, by cyclic Jacobi rotations
/// (Golub and Van Loan, Matrix Computations, section 8.5).
fn eigen(mut a: Vec<Vec<f64>>) -> (Vec<f64>, Vec<Vec<f64>>) {
    const SWEEPS: usize = 60;
    let n = a.len();
    let mut vectors: Vec<Vec<f64>> = (0..n)
        .map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect())
        .collect();
    let size: f64 = a.iter().flatten().map(|x| x * x).sum();
    for _ in 0..SWEEPS {
        let off: f64 = (0..n)
            .flat_map(|i| (0..i).map(move |j| (i, j)))
            .map(|(i, j)| a[i][j].powi(2))
            .sum();
        if off <= 1e-24 * size {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                if a[p][q] != 0.0 {
                    rotate(&mut a, &mut vectors, p, q);
                }
            }
        }
    }
    ((0..n).map(|i| a[i][i]).collect(), vectors)
}

/// The rotation in the plane (p, q) that makes `a[p][q]` zero.
fn rotate(a: &mut [Vec<f64>], vectors: &mut [Vec<f64>], p: usize, q: usize) {
    let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
    let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let t = if theta == 0.0 { 1.0 } else { t };
    let c = 1.0 / (t * t + 1.0).sqrt();
    let s = t * c;
    for row in a.iter_mut() {
        let (x, y) = (row[p], row[q]);
        (row[p], row[q]) = (c * x - s * y, s * x + c * y);
    }
    for k in 0..a.len() {
        let (x, y) = (a[p][k], a[q][k]);
        (a[p][k], a[q][k]) = (c * x - s * y, s * x + c * y);
        let (x, y) = (vectors[p][k], vectors[q][k]);
        (vectors[p][k], vectors[q][k]) = (c * x - s * y, s * x + c * y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_direction_along_which_points_lie() {
        // Points near the line (3, 4) t + (1, 2), with a little scatter across it.
        let rows: Vec<f32> = (0..40)
            .flat_map(|i| {
                let (t, across) = (i as f32 - 19.5, if i % 2 == 0 { 0.1 } else { -0.1 });
                [1.0 + 3.0 * t - 4.0 * across, 2.0 + 4.0 * t + 3.0 * across]
            })
            .collect();
        let mut moments = Moments::new(2);
        rows.chunks(6).for_each(|rows| moments.add(rows));
        let principal = Principal::of(&moments, 1);
        let [x, y] = principal.components[0][..] else {
            panic!("two coordinates")
        };
        assert!((x - 0.6).abs() < 1e-3 && (y - 0.8).abs() < 1e-3, "{x} {y}");
        let projected = principal.project(&[1.0, 2.0, 4.0, 6.0]);
        assert!(
            projected[0].abs() < 0.01 && (projected[1] - 5.0).abs() < 0.01,
            "{projected:?}"
        );
        let (weight, bias) = principal.affine();
        for (point, projected) in [[1.0, 2.0], [4.0, 6.0]].iter().zip(projected) {
            let affine = point[0] * weight[0] + point[1] * weight[1] + bias[0];
            // A few roundings of numbers below ten.
            assert!((affine - projected).abs() < 1e-5, "{affine} {projected}");
        }
    }

    #[test]
    fn eigenvectors_are_orthonormal_and_diagonalise() {
        let n = 7;
        let a: Vec<Vec<f64>> = (0..n)
            .map(|i| {
                (0..n)
                    .map(|j| ((i * j + i + j) % 5) as f64 + f64::from(u8::from(i == j)))
                    .collect()
            })
            .collect();
        let (values, vectors) = eigen(a.clone());
        for (value, vector) in values.iter().zip(&vectors) {
            for i in 0..n {
                let image: f64 = (0..n).map(|j| a[i][j] * vector[j]).sum();
                assert!((image - value * vector[i]).abs() < 1e-9);
            }
        }
        for i in 0..n {
            for j in 0..n {
                let dot: f64 = vectors[i].iter().zip(&vectors[j]).map(|(x, y)| x * y).sum();
                assert!((dot - f64::from(u8::from(i == j))).abs() < 1e-12);
            }
        }
    }
}
